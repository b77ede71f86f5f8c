"""Every ImageNet classifier of `keras.applications`, as data: one row each, a block for each paper.

Top-1 and megabytes are those of the table at keras.io/api/applications. MobileNetV3 is not in it and has the top-1 of
its docstring in Keras; its megabytes, and those of ConvNeXt-XLarge, which the table rounds, are four bytes a number.
File names, folders and checksums are those in Keras's source; parameters are counted from the architectures. The
licences are those under which Keras says that it ported or released the weights.
"""

from typing import NamedTuple

_TENSORFLOW = "https://storage.googleapis.com/tensorflow/keras-applications"
_KERNELS = "{}_weights_tf_dim_ordering_tf_kernels.h5"


class Row(NamedTuple):
    """One network.

    Attributes:
        architecture: its constructor in `keras.applications`; in lower case, its name in the registry.
        title: its name on screen.
        size: side in pixels of the square it was trained for.
        parameters: how many numbers were trained; running averages do not count.
        top1: published top-1 on ImageNet's validation photos, in percent.
        megabytes: of its weights file, 2**20 bytes each.
        checksum: of the file, in hexadecimal; None where Keras publishes none.
        stem: what its family's file names are completed with; the lower-case architecture where it is empty.
    """

    architecture: str
    title: str
    size: int
    parameters: int
    top1: float
    megabytes: int
    checksum: str | None
    stem: str = ""

    @property
    def name(self) -> str:
        return self.architecture.lower()


class Family(NamedTuple):
    """The networks of one paper, and what they have in common.

    Attributes:
        folder: the URL that their weights files are in.
        preprocessing: its name in `PREPROCESSINGS`.
        licence: of the weights.
        networks: its members, the smallest first.
        file: the name of a weights file in the Keras cache, {} for the stem.
        remote: its name on the server, where that is another.
        algorithm: of the checksums.
        exact: whether the head is linear, so that it has class activation maps; the others get maps by gradients.
        builder: "module:function" that takes the architecture and the path of the weights.
    """

    folder: str
    preprocessing: str
    licence: str
    networks: tuple[Row, ...]
    file: str = _KERNELS
    remote: str = ""
    algorithm: str = "md5"
    exact: bool = True
    builder: str = "cam.models.keras_applications:build"


_RESNETS = (
    Row("ResNet50", "ResNet-50", 224, 25_583_592, 74.9, 98, "2cb95161c43110f7111970584f804107"),
    Row("ResNet101", "ResNet-101", 224, 44_601_832, 76.4, 171, "f1aeb4b969a6efcfb50fad2f0c20cfc5"),
    Row("ResNet152", "ResNet-152", 224, 60_268_520, 76.6, 232, "100835be76be38e30d865e96f2aaae62"),
)
_RESNETS_V2 = (
    Row("ResNet50V2", "ResNet-50 V2", 224, 25_568_360, 76.0, 98, "3ef43a0b657b3be2300d5770ece849e0"),
    Row("ResNet101V2", "ResNet-101 V2", 224, 44_577_896, 77.2, 171, "6343647c601c52e1368623803854d971"),
    Row("ResNet152V2", "ResNet-152 V2", 224, 60_236_904, 78.0, 232, "a49b44d1979771252814e80f8ec446f9"),
)
_DENSENETS = (
    Row("DenseNet121", "DenseNet-121", 224, 7_978_856, 75.0, 33, "9d60b8095a5708f2dcce2bca79d332c7"),
    Row("DenseNet169", "DenseNet-169", 224, 14_149_480, 76.2, 57, "d699b8f76981ab1b30698df4c175e90b"),
    Row("DenseNet201", "DenseNet-201", 224, 20_013_928, 77.3, 80, "1ceb130c1ea1b78c3bf6114dbdfd8807"),
)
_EFFICIENTNETS = (
    Row("EfficientNetB0", "EfficientNet-B0", 224, 5_288_548, 77.1, 29, "902e53a9f72be733fc0bcb005b3ebbac"),
    Row("EfficientNetB1", "EfficientNet-B1", 240, 7_794_184, 79.1, 31, "1d254153d4ab51201f1646940f018540"),
    Row("EfficientNetB2", "EfficientNet-B2", 260, 9_109_994, 80.1, 36, "b15cce36ff4dcbd00b6dd88e7857a6ad"),
    Row("EfficientNetB3", "EfficientNet-B3", 300, 12_233_232, 81.6, 48, "ffd1fdc53d0ce67064dc6a9c7960ede0"),
    Row("EfficientNetB4", "EfficientNet-B4", 380, 19_341_616, 82.9, 75, "18c95ad55216b8f92d7e70b3a046e2fc"),
    Row("EfficientNetB5", "EfficientNet-B5", 456, 30_389_784, 83.6, 118, "ace28f2a6363774853a83a0b21b9421a"),
    Row("EfficientNetB6", "EfficientNet-B6", 528, 43_040_704, 84.0, 166, "165f6e37dce68623721b423839de8be5"),
    Row("EfficientNetB7", "EfficientNet-B7", 600, 66_347_960, 84.3, 256, "8c03f828fec3ef71311cd463b6759d99"),
)
_EFFICIENTNETS_V2 = (
    Row("EfficientNetV2B0", "EfficientNetV2-B0", 224, 7_139_704, 78.7, 29, "21ecbf6da12460d5c40bb2f29ceb2188", "b0"),
    Row("EfficientNetV2B1", "EfficientNetV2-B1", 240, 8_141_052, 79.8, 34, "069f0534ff22adf035c89e2d9547a9dc", "b1"),
    Row("EfficientNetV2B2", "EfficientNetV2-B2", 260, 10_096_086, 80.5, 42, "424e49f28180edbde1e94797771950a7", "b2"),
    Row("EfficientNetV2B3", "EfficientNetV2-B3", 300, 14_358_406, 82.0, 59, "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "b3"),
    Row("EfficientNetV2S", "EfficientNetV2-S", 384, 21_458_488, 83.9, 88, "e1d88a8495beba45748fedd0cecbe016", "s"),
    Row("EfficientNetV2M", "EfficientNetV2-M", 480, 54_139_356, 85.3, 220, "a3bf6aa3276309f4fc6a34aa114c95cd", "m"),
    Row("EfficientNetV2L", "EfficientNetV2-L", 480, 118_515_272, 85.7, 479, "27e6d408b53c7ebc868fefa357689935", "l"),
)
_NASNETS = (
    Row("NASNetMobile", "NASNet-Mobile", 224, 5_289_978, 74.4, 23, "020fb642bf7360b370c678b08e0adf61", "mobile"),
    Row("NASNetLarge", "NASNet-Large", 331, 88_753_150, 82.5, 343, "11577c9a518f0070763c2b964a382f17", "large"),
)
_MOBILENETS_V3 = (
    Row("MobileNetV3Small", "MobileNetV3-Small", 224, 2_542_856, 68.1, 10, "8768d4c2e7dee89b9d02b2d03d65d862", "small"),
    Row("MobileNetV3Large", "MobileNetV3-Large", 224, 5_483_032, 75.6, 21, "59e551e166be033d707958cf9e29a6a7", "large"),
)
_SHA256 = {
    "tiny": "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
    "small": "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
    "base": "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
    "large": "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
    "xlarge": "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
}
_CONVNEXTS = (
    Row("ConvNeXtTiny", "ConvNeXt-Tiny", 224, 28_589_128, 81.3, 109, _SHA256["tiny"], "tiny"),
    Row("ConvNeXtSmall", "ConvNeXt-Small", 224, 50_223_688, 82.3, 192, _SHA256["small"], "small"),
    Row("ConvNeXtBase", "ConvNeXt-Base", 224, 88_591_464, 85.3, 339, _SHA256["base"], "base"),
    Row("ConvNeXtLarge", "ConvNeXt-Large", 224, 197_767_336, 86.3, 755, _SHA256["large"], "large"),
    Row("ConvNeXtXLarge", "ConvNeXt-XLarge", 224, 350_196_968, 86.7, 1336, _SHA256["xlarge"], "xlarge"),
)
FAMILIES = (
    Family(f"{_TENSORFLOW}/resnet", "caffe", "MIT", _RESNETS),
    Family(f"{_TENSORFLOW}/resnet", "-1..1", "BSD-3-Clause", _RESNETS_V2),
    Family(f"{_TENSORFLOW}/densenet", "standard", "BSD-3-Clause", _DENSENETS),
    Family(
        f"{_TENSORFLOW}/mobilenet_v2",
        "-1..1",
        "Apache-2.0",
        (Row("MobileNetV2", "MobileNetV2", 224, 3_504_872, 71.3, 14, None),),
        file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
    ),
    Family(
        "https://storage.googleapis.com/keras-applications",
        "0..255",
        "Apache-2.0",
        _EFFICIENTNETS,
        file="{}.h5",
        builder="cam.models.keras_applications:build_efficientnet",
    ),
    Family(f"{_TENSORFLOW}/efficientnet_v2", "0..255", "Apache-2.0", _EFFICIENTNETS_V2, file="efficientnetv2-{}.h5"),
    Family(
        f"{_TENSORFLOW}/inception_v3",
        "-1..1",
        "Apache-2.0",
        (Row("InceptionV3", "Inception-v3", 299, 23_817_352, 77.9, 92, "9a0d58056eeedaa3f26cb7ebd46da564"),),
        file="inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
    ),
    Family(
        f"{_TENSORFLOW}/inception_resnet_v2",
        "-1..1",
        "Apache-2.0",
        (
            Row(
                "InceptionResNetV2",
                "Inception-ResNet-v2",
                299,
                55_813_192,
                80.3,
                215,
                "e693bd0210a403b3192acc6073ad2e96",
            ),
        ),
        file="inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
    ),
    Family(
        f"{_TENSORFLOW}/xception",
        "-1..1",
        "MIT",
        (Row("Xception", "Xception", 299, 22_855_952, 79.0, 88, "0a58e3b7378bc2990ea3b43d5981f1f6"),),
    ),
    Family(f"{_TENSORFLOW}/nasnet", "-1..1", "Apache-2.0", _NASNETS, file="nasnet_{}.h5", remote="NASNet-{}.h5"),
    Family(
        f"{_TENSORFLOW}/vgg16",
        "caffe",
        "CC-BY-4.0",
        (Row("VGG16", "VGG-16", 224, 138_357_544, 71.3, 528, "64373286793e3c8b2b4e3219cbf3544b"),),
        exact=False,
    ),
    Family(
        f"{_TENSORFLOW}/vgg19",
        "caffe",
        "CC-BY-4.0",
        (Row("VGG19", "VGG-19", 224, 143_667_240, 71.3, 549, "cbe5617147190e668d6c5d5026f83318"),),
        exact=False,
    ),
    Family(
        f"{_TENSORFLOW}/mobilenet",
        "-1..1",
        "Apache-2.0",
        (Row("MobileNet", "MobileNet", 224, 4_231_976, 70.4, 16, None),),
        file="mobilenet_1_0_224_tf.h5",
        exact=False,
    ),
    Family(
        f"{_TENSORFLOW}/mobilenet_v3",
        "0..255",
        "Apache-2.0",
        _MOBILENETS_V3,
        file="weights_mobilenet_v3_{}_224_1.0_float.h5",
        exact=False,
    ),
    Family(
        f"{_TENSORFLOW}/convnext", "0..255", "MIT", _CONVNEXTS, file="convnext_{}.h5", algorithm="sha256", exact=False
    ),
)
