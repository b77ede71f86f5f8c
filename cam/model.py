"""Photos in, explanations out. One forward pass explains every class of a network with a linear head."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from cam.attribution import Attribution
from cam.backends import Backend
from cam.backends.load import load
from cam.detail import FINER, PLAIN, View, averaged
from cam.errors import ModelError
from cam.explanation import Explanation, read_only
from cam.grouping import batches
from cam.heatmap import covered
from cam.images.open import resized, whole_size
from cam.labels import Labels, labels_of
from cam.methods import find_method
from cam.models.preprocessing import PREPROCESSINGS
from cam.models.registry import LibraryOptions, ModelSpec, spec_of

# How a photo becomes the network's input: (photo's size, network, scale) -> (width, height) in pixels.
_FITS: dict[str, Callable[[tuple[int, int], ModelSpec, float], tuple[int, int]]] = {
    "whole": lambda size, spec, scale: whole_size(size, round(spec.whole_size * scale), spec.stride),
    "squash": lambda size, spec, scale: (round(spec.size * scale),) * 2,
    "given": lambda size, spec, scale: (round(size[0] * scale), round(size[1] * scale)),
}
_TOLERANCE = 1e-4
# What a network gets that no other method was asked of: exact where it can be.
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
    return load(spec_of(name, options), options, Model)


class Model:
    """A network that is loaded and was found to be explainable; shared by threads.

    Attributes:
        spec: its row in the registry, without gaps.
        labels: the names of its classes.
        exact: whether its head is linear, so that its class activation maps are exact.
        method: the name of the method that its maps are made with where no other is asked for.
        backend: what runs the network.
    """

    def __init__(
        self,
        spec: ModelSpec,
        backend: Backend,
        preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
        labels: Labels | None = None,
    ):
        """Check the network against its own output.

        Args:
            spec: its row, without gaps.
            backend: what runs the network.
            preprocess: in place of what the row names: RGB 0..255 (height, width, 3) -> float32.
            labels: in place of those of the row.

        Raises:
            ModelError: it has another number of classes than labels, or its maps do not add up to its scores.
        """
        self.backend = backend
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
    def traces(self) -> int:
        """Count the graphs that TensorFlow has built for the exact maps: one for all shapes of photo."""
        return self.backend.traces

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
    def refusal(self) -> str | None:
        """Why its class activation maps are not exact, as a sentence; None where they are."""
        return self.backend.refusal

    def corrected(self, spec: ModelSpec) -> "Model":
        """The same network with other labels, preprocessing or size (ModelError where they do not fit)."""
        return Model(spec, self.backend)

    def views(self, *, detail: bool) -> tuple[View, ...]:
        """How the network is given a photo: once, or for finer maps in several sizes and mirrored."""
        if not detail:
            return PLAIN
        return tuple(view for view in FINER if view.scale == 1.0 or self.backend.fixed_size is None)

    def explain(
        self,
        image: Image.Image,
        *,
        fit: str = "whole",
        method: str | None = None,
        layer: str | None = None,
        detail: bool = False,
    ) -> Explanation | Attribution:
        """Run the network on an RGB photo of any size.

        Args:
            image: RGB, as `open_image` gives it.
            fit: "whole" keeps the photo's shape at about the network's own number of pixels; "squash" is the classic
                fixed square, for comparison with papers; "given" takes the pixels as they are, for a photo that was
                brought to an `Explanation.input_size` before. A network that takes one size only gets that.
            method: a name in `cam.methods.METHODS`; None is the network's own: "cam" where its head is linear (an
                `Explanation`, exact), else "grad-cam" (an `Attribution`).
            layer: of a method other than "cam", where the map is taken; None is the last one.
            detail: average the maps of several sizes and of the mirrored photo, in units of the score.

        Raises:
            ValueError: another mode than RGB, or another fit.
            ModelError: a method or layer that there is not, or "cam" for a network without a linear head.
        """
        if image.mode != "RGB":
            raise ValueError(f"an RGB image is needed, not mode {image.mode}; open_image gives one")
        if fit not in _FITS:
            raise ValueError(f"fit must be one of {', '.join(_FITS)}, not {fit!r}")
        row = find_method(method or self.method)
        if row.linear_only and not self.exact:
            raise ModelError(
                f"{row.title} cannot be made for {self.spec.title}. {self.refusal or 'Its head is not linear.'} "
                "Grad-CAM works for it."
            )
        if row.linear_only and layer is not None:
            raise ModelError(f"{row.title} is made at the last layer only. Leave the layer out, or use LayerCAM.")
        views = self.views(detail=detail)
        inputs = [self._input(image, fit, view) for view in views]
        if row.linear_only:
            maps = [self.backend.feature_maps(pixels) for pixels in inputs]
            return self._explanation(maps, inputs, views, image.size)
        probes = [self.backend.probe(pixels, layer) for pixels in inputs]
        mirrored = [view.mirrored for view in views]
        about = {"labels": self.labels, "image_size": image.size, "activation": self._activation}
        return Attribution(probes, mirrored, method=row, **about)

    def explain_many(
        self, images: Sequence[Image.Image], *, fit: str = "whole"
    ) -> list[Explanation] | list[Attribution]:
        """What `explain` says about each of several photos; by TensorFlow those of one size share passes.

        Numbers differ from those of `explain` in the last digits only. A network that OpenVINO runs, or whose head is
        not linear, sees the photos one by one.

        Raises:
            ValueError: another mode than RGB, or another fit.
        """
        if not self.exact or self.batch_size == 1:
            return [self.explain(image, fit=fit) for image in images]
        found: dict[int, Explanation] = {}
        sizes = [self.input_size(image.size, fit=fit) for image in images]
        for places in batches(range(len(images)), sizes.__getitem__, self.batch_size):
            explained = self._explained_together([images[place] for place in places], fit)
            found.update(zip(places, explained, strict=True))
        return [found[place] for place in range(len(images))]

    def input_size(self, size: tuple[int, int], *, fit: str = "whole") -> tuple[int, int]:
        """(width, height) in pixels at which the network sees a photo of `size` (width, height)."""
        if fit not in _FITS:
            raise ValueError(f"fit must be one of {', '.join(_FITS)}, not {fit!r}")
        return self.backend.fixed_size or _FITS[fit](size, self.spec, 1.0)

    def _explained_together(self, images: list[Image.Image], fit: str) -> list[Explanation]:
        """The explanations of photos that have one input size, by one pass."""
        if modes := {image.mode for image in images} - {"RGB"}:
            raise ValueError(f"RGB images are needed, not mode {', '.join(sorted(modes))}; open_image gives them")
        inputs = [self._input(image, fit, PLAIN[0]) for image in images]
        maps, scores = self.backend.maps_and_scores(np.stack(inputs))
        explained = [
            self._explanation([own], [pixels], PLAIN, image.size)
            for own, pixels, image in zip(maps, inputs, images, strict=True)
        ]
        # Those that `Explanation.scores` would compute, where each photo would read all weights again.
        for explanation, own in zip(explained, scores, strict=True):
            vars(explanation)["scores"] = read_only(own)
        return explained

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
        network, sizes = self.backend, [(pixels.shape[1], pixels.shape[0]) for pixels in inputs]
        features = maps[0]
        if len(maps) > 1:
            spans = [covered(one.shape, size, network.cell_stride) for one, size in zip(maps, sizes, strict=True)]
            features = averaged(maps, spans, [view.mirrored for view in views])
        return Explanation(
            features,
            network.head.weight,
            network.head.bias,
            self.labels,
            image_size,
            max(sizes, key=lambda size: size[0] * size[1]),
            pitch=network.cell_stride,
            activation=self._activation,
            views=len(views),
        )

    def noise(self) -> np.ndarray:
        """float32 (height, width, 3), preprocessed: the noise that the network is tried with, always the same."""
        width, height = self.backend.native_size or (self.spec.size, self.spec.size)
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))
        return self._input(noise, "given", PLAIN[0])

    def _check(self) -> None:
        """Refuse a network whose own output is not what its maps add up to, or is no number."""
        pixels = self.noise()
        output = self.backend.output(pixels)
        if not np.isfinite(output).all():
            raise ModelError(f"{self.spec.title} cannot be explained exactly: its own scores are not all numbers.")
        if self.exact:
            maps = self.backend.feature_maps(pixels, passes=0)
            explained = self._explanation([maps], [pixels], PLAIN, (pixels.shape[1], pixels.shape[0]))
            expected = self.backend.head.output(explained.scores)
        else:
            expected = self.backend.expected_output(pixels)
        error = float(np.abs(output - expected).max())
        if not error <= _TOLERANCE * max(1.0, float(np.abs(output).max())):
            what = "the mean of its class maps plus the bias differs" if self.exact else "what is computed here differs"
            raise ModelError(
                f"{self.spec.title} cannot be explained exactly: {what} from its own scores by {error:.2g}."
            )


def class_maps(explanation: Explanation) -> np.ndarray:
    """float32 (h, w, classes): the maps of all classes at once, by a 1 x 1 convolution with the dense layer's weights.

    Such a convolution looks at one cell at a time, so it is one product of matrices, (h * w, K) times (K, classes). No
    forward pass. This is the last layer of Network in Network (Lin, Chen & Yan, ICLR 2014, section 3.2).
    """
    return np.tensordot(explanation.features, explanation.weight, axes=1)
