"""Photos in, explanations out. One forward pass explains every class of a network with a linear head."""

import os
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from cam.backends import Backend, Head
from cam.backends.load import load
from cam.errors import ModelError
from cam.explanation import Attribution, ExplainOptions, Explanation
from cam.heatmap import MULTIVIEW, SINGLE_VIEW, View, average_maps, photo_extent
from cam.images.decode import convert_to_rgb
from cam.images.open import open_image, resized, whole_size
from cam.labels import Labels, labels_of
from cam.methods import Method, find_method
from cam.models.preprocessing import PREPROCESSINGS
from cam.models.registry import LibraryOptions, ModelSpec, spec_of

if TYPE_CHECKING:
    import keras

# A photo as `Model.explain` takes it: a Pillow image, uint8 (height, width, 3), or the path of a file.
Photo = Image.Image | np.ndarray | str | os.PathLike[str]
# How a photo becomes the network's input: (photo's size, network, scale) -> (width, height) in pixels.
_FITS: dict[str, Callable[[tuple[int, int], ModelSpec, float], tuple[int, int]]] = {
    "whole": lambda size, spec, scale: whole_size(size, round(spec.whole_size * scale), spec.stride),
    "squash": lambda size, spec, scale: (round(spec.size * scale), round(spec.size * scale)),
    "given": lambda size, spec, scale: (round(size[0] * scale), round(size[1] * scale)),
}
_TOLERANCE = 1e-4
# The method where no other is asked for: exact where it can be.
_EXACT, _BY_GRADIENTS = "cam", "grad-cam"


def load_model(name: str | Path, *, options: LibraryOptions | None = None) -> "Model":
    """Build a network and fill it with its weights; nothing is downloaded.

    Args:
        name: of a network in the registry or of a custom model in the models folder, or the path of such a model.
        options: where custom models and converted networks are, and limits; None: the defaults.

    Raises:
        ModelError: an unknown name, weights that are missing or damaged, a file that is refused, or a network that
            cannot be explained; the text says which and what to do.
    """
    options = options or LibraryOptions()
    spec = spec_of(name, options)
    model = load(spec, options, Model)
    # A custom model may be another one elsewhere, or not be there.
    model.reference = None if spec.own else spec.name
    return model


class Model:
    """A network that is loaded and was found to be explainable; shared by threads.

    Attributes:
        spec: its row in the registry, without gaps.
        labels: the names of its classes.
        exact: whether its head is linear, so that its class activation maps are exact.
        method: the name of the method that its maps are made with where no other is asked for.
        reference: the name by which `load_model` finds it again, also in another process; None where it came from
            elsewhere.
        backend: what runs the network.
    """

    reference: str | None = None

    def __init__(
        self,
        spec: ModelSpec,
        network: "keras.Model | Backend",
        preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
        labels: Labels | None = None,
    ):
        """Check the network against its own output.

        Args:
            spec: its row, without gaps.
            network: the Keras network, or what runs it.
            preprocess: in place of what the row names: RGB 0..255 (height, width, 3) -> float32.
            labels: in place of those of the row.

        Raises:
            ModelError: it has another number of classes than labels, or its maps do not add up to its scores.
        """
        self.backend = _as_backend(network, spec)
        self.spec = spec if spec.stride else replace(spec, stride=self.backend.stride)
        self._preprocess = preprocess or PREPROCESSINGS[spec.preprocessing].apply
        self.labels = labels or labels_of(spec.labels)
        self.exact = self.backend.head is not None
        self.method = _EXACT if self.exact else _BY_GRADIENTS
        if len(self.labels) != self.backend.classes:
            raise ModelError(f"{spec.title} has {self.backend.classes} classes, but {len(self.labels)} labels.")
        self._check()

    @property
    def passes(self) -> int:
        """Count the forward passes run for photos so far."""
        return self.backend.passes

    @property
    def batch_size(self) -> int:
        """How many photos of one size `explain_many` gives the network at once."""
        return self.backend.batch_size

    @property
    def has_keras(self) -> bool:
        """Say whether the Keras network is built; else it is built when layers or gradients are asked for."""
        return self.backend.has_keras

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that a heat map can be taken from, in the order of the graph."""
        return self.backend.layers

    @property
    def offered_layers(self) -> tuple[str, ...]:
        """A few of them that make sense, the last one best."""
        return self.backend.offered_layers

    @property
    def head(self) -> Head:
        """Its linear head: weights and biases (ModelError where it has none)."""
        if self.backend.head is None:
            raise ModelError(f"{self.spec.title} has no linear head. {self.refusal or ''}".rstrip())
        return self.backend.head

    @property
    def refusal(self) -> str | None:
        """Why its class activation maps are not exact, as a sentence; None where they are."""
        return self.backend.refusal

    def corrected(self, spec: ModelSpec) -> "Model":
        """The same network with other labels, preprocessing or size (ModelError where they do not fit)."""
        return Model(spec, self.backend)

    def views(self, *, detail: bool) -> tuple[View, ...]:
        """How the network is given a photo: once, or for finer maps in several sizes and mirrored."""
        if not detail:
            return SINGLE_VIEW
        return tuple(view for view in MULTIVIEW if view.scale == 1.0 or self.backend.fixed_size is None)

    def explain(
        self,
        image: Photo,
        *,
        fit: str = "whole",
        method: str | None = None,
        layer: str | None = None,
        detail: bool = False,
    ) -> Explanation | Attribution:
        """Run the network on a photo of any size; fit, method, layer and detail are those of `ExplainOptions`.

        Args:
            image: the path of a photo, its pixels as RGB uint8 (height, width, 3), or a Pillow image of any mode, which
                is taken as it stands (`open_image` also turns it upright).
            fit: how it becomes the network's input: "whole", "squash" or "given".
            method: a name in `cam.methods.METHODS`; None is the network's own.
            layer: for a method other than "cam", where the map is taken; None is the last one.
            detail: average the maps of several sizes and of the mirrored photo.

        Raises:
            ImageError: the file cannot be opened.
            ValueError: the image is something else, or the fit is.
            ModelError: an unknown method or layer, or "cam" for a network without a linear head.
        """
        photo = _as_rgb(image)
        return _attach(photo, self.explain_with(photo, ExplainOptions(fit, method, layer, detail)))

    def explain_with(self, image: Image.Image, options: ExplainOptions) -> Explanation | Attribution:
        """Explain an RGB photo as `explain` does; the result does not hold the photo, so it may be kept for long."""
        if image.mode != "RGB":
            raise ValueError(f"an RGB image is needed, not mode {image.mode}; open_image gives one")
        method = self._find_method(options)
        views = self.views(detail=options.detail)
        inputs = [self._input(image, options.fit, view) for view in views]
        if method.linear_only:
            maps = [self.backend.feature_maps(pixels[np.newaxis])[0] for pixels in inputs]
            return self._explanation(maps, inputs, views, image.size)
        probes = [self.backend.probe(pixels, options.layer) for pixels in inputs]
        return Attribution(
            probes,
            [view.mirrored for view in views],
            method=method,
            labels=self.labels,
            image_size=image.size,
            activation=self._activation,
        )

    def explain_many(self, images: Sequence[Photo], *, fit: str = "whole") -> list[Explanation | Attribution]:
        """Explain several photos as `explain` does; by TensorFlow those of one size share passes.

        Numbers differ from those of `explain` in the last digits only. A network that OpenVINO runs, or whose head is
        not linear, sees the photos one by one.

        Raises:
            ImageError, ValueError: as for `explain`.
        """
        photos = [_as_rgb(image) for image in images]
        if not self.exact or self.batch_size == 1:
            return [self.explain(photo, fit=fit) for photo in photos]
        found: dict[int, Explanation] = {}
        sizes = [self.input_size(photo.size, fit=fit) for photo in photos]
        for places in group_batches(range(len(photos)), sizes.__getitem__, self.batch_size):
            inputs = [self._input(photos[place], fit, SINGLE_VIEW[0]) for place in places]
            maps = self.backend.feature_maps(np.stack(inputs))
            for place, own, pixels in zip(places, maps, inputs, strict=True):
                found[place] = self._explanation([own], [pixels], SINGLE_VIEW, photos[place].size)
        return [_attach(photo, found[place]) for place, photo in enumerate(photos)]

    def input_size(self, size: tuple[int, int], *, fit: str = "whole") -> tuple[int, int]:
        """(width, height) in pixels of the network's input for a photo of `size` (width, height)."""
        return self.backend.fixed_size or _FITS[ExplainOptions(fit).fit](size, self.spec, 1.0)

    def _find_method(self, options: ExplainOptions) -> Method:
        method = find_method(options.method or self.method)
        if method.linear_only and not self.exact:
            raise ModelError(
                f"{method.title} cannot be made for {self.spec.title}. {self.refusal or 'Its head is not linear.'} "
                "Grad-CAM works for it."
            )
        if method.linear_only and options.layer is not None:
            raise ModelError(f"{method.title} is made at the last layer only. Leave the layer out, or use LayerCAM.")
        return method

    @property
    def _activation(self) -> str:
        return "sigmoid" if self.backend.activation == "sigmoid" else "softmax"

    def _input(self, image: Image.Image, fit: str, view: View) -> np.ndarray:
        size = self.backend.fixed_size or _FITS[fit](image.size, self.spec, view.scale)
        pixels = resized(image, size)
        return self._preprocess(pixels[:, ::-1] if view.mirrored else pixels)

    def _explanation(
        self, maps: list[np.ndarray], inputs: list[np.ndarray], views: tuple[View, ...], image_size: tuple[int, int]
    ) -> Explanation:
        stride, sizes = self.backend.cell_stride, [(pixels.shape[1], pixels.shape[0]) for pixels in inputs]
        extents = [photo_extent(one.shape, size, stride) for one, size in zip(maps, sizes, strict=True)]
        return Explanation(
            average_maps(maps, extents, [view.mirrored for view in views]),
            self.head.weight,
            self.head.bias,
            self.labels,
            image_size,
            max(sizes, key=lambda size: size[0] * size[1]),
            cell_stride=stride,
            activation=self._activation,
            views=len(views),
            network=self.reference,
        )

    def noise(self) -> np.ndarray:
        """float32 (height, width, 3), preprocessed: the noise that the network is tried with, always the same."""
        width, height = self.backend.native_size or (self.spec.size, self.spec.size)
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))
        return self._input(noise, "given", SINGLE_VIEW[0])

    def _check(self) -> None:
        """Refuse a network whose own output is not what its maps add up to, or is no number."""
        pixels = self.noise()
        output = self.backend.output(pixels)
        if not np.isfinite(output).all():
            raise ModelError(f"{self.spec.title} cannot be explained exactly: its own scores are not all numbers.")
        if self.exact:
            maps = self.backend.feature_maps(pixels[np.newaxis], counted=False)
            explained = self._explanation([*maps], [pixels], SINGLE_VIEW, (pixels.shape[1], pixels.shape[0]))
            expected = self.head.output(explained.scores)
        else:
            expected = self.backend.expected_output(pixels)
        error = float(np.abs(output - expected).max())
        if not error <= _TOLERANCE * max(1.0, float(np.abs(output).max())):
            what = "the mean of its class maps plus the bias differs" if self.exact else "what is computed here differs"
            raise ModelError(
                f"{self.spec.title} cannot be explained exactly: {what} from its own scores by {error:.2g}."
            )


def _as_backend(network: "keras.Model | Backend", spec: ModelSpec) -> Backend:
    # Who has a Keras network has imported Keras; a converted network needs none.
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(network, keras.Model):
        return network
    from cam.backends.keras import KerasBackend

    return KerasBackend(network, linear=spec.exact)


def _attach(photo: Image.Image, explained: Explanation | Attribution) -> Explanation | Attribution:
    # An explanation does not change for its users; here it is new.
    vars(explained)["image"] = photo
    return explained


def _as_rgb(image: Photo) -> Image.Image:
    if isinstance(image, Image.Image):
        return image if image.mode == "RGB" and not image.has_transparency_data else convert_to_rgb(image)
    if isinstance(image, (str, os.PathLike)):
        return open_image(Path(image))
    if not isinstance(image, np.ndarray):
        given = type(image).__name__
    elif image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        given = f"{image.dtype} {image.shape}"
    else:
        return Image.fromarray(image)
    raise ValueError(
        f"a photo is a path, a Pillow image, or its RGB pixels as uint8 (height, width, 3), not {given}; open_image "
        "opens files and bytes"
    )


Item = TypeVar("Item")


def group_batches(items: Iterable[Item], size: Callable[[Item], Hashable], batch_size: int) -> Iterator[list[Item]]:
    """Yield items of equal sizes together, in their order: each batch when it is full, at the end what is left over.

    Which items are together depends on nothing but their order, however long each is waited for.
    """
    waiting: dict[Hashable, list[Item]] = {}
    for item in items:
        batch = waiting.setdefault(size(item), [])
        batch.append(item)
        if len(batch) == batch_size:
            yield waiting.pop(size(item))
    yield from waiting.values()
