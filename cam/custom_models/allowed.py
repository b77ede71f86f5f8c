"""What an own model may be made of: the layers, operations and functions of Keras that only compute, as data.

Left out on purpose: what runs code of the file or of other modules (Lambda, TFSMLayer, TorchModuleWrapper, JaxLayer,
FlaxLayer), what reads files (StringLookup, IntegerLookup, TextVectorization), what is not for a photo (Embedding,
recurrent layers), and what repeats layers as often as the file says (TimeDistributed).
"""

# Name of a class -> the module that it is taken from, whatever the file says.
MODELS = {"Functional": "keras.src.models.functional", "Model": "keras", "Sequential": "keras"}

_KERAS_LAYERS = """
    InputLayer Identity Dense Conv1D Conv2D Conv2DTranspose DepthwiseConv2D SeparableConv2D
    Activation ELU LeakyReLU PReLU ReLU Softmax
    Add Average Concatenate Maximum Minimum Multiply Subtract
    BatchNormalization GroupNormalization LayerNormalization RMSNormalization SpectralNormalization UnitNormalization
    AveragePooling2D MaxPooling2D GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
    Cropping2D Flatten Permute Reshape UpSampling2D ZeroPadding2D
    ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D
    CenterCrop Normalization Rescaling Resizing
    AugMix AutoContrast Pipeline RandAugment Solarization
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
    RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
    RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom
"""

LAYERS = {name: "keras.layers" for name in _KERAS_LAYERS.split()} | {"LayerScale": "keras.src.applications.convnext"}

_OPERATIONS = {
    "keras.src.ops.numpy": """
        Absolute Add Amax Amin Clip Concatenate Divide Exp ExpandDims Flip GetItem Log Log1p Matmul Max Maximum Mean Min
        Minimum Moveaxis Multiply Negative Pad Power Ravel Reciprocal Reshape Sqrt Square Squeeze Stack Std Subtract Sum
        Swapaxes Tanh Transpose TrueDivide Var
    """,
    "keras.src.ops.nn": """
        AveragePool Celu DepthToSpace Elu Gelu HardSigmoid HardSilu HardTanh LeakyRelu LogSigmoid LogSoftmax MaxPool
        Normalize Relu Relu6 Selu Sigmoid Silu Softmax Softplus Softsign SpaceToDepth
    """,
    "keras.src.ops.core": "Cast StopGradient",
    "keras.src.ops.image": "CropImages PadImages RGBToGrayscale Resize",
    "keras.src.ops.math": "Rsqrt",
}

OPERATIONS = {name: module for module, names in _OPERATIONS.items() for name in names.split()}

ACTIVATIONS = frozenset(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparsemax squareplus
    swish tanh tanh_shrink threshold
    """.split()
)

# How layers compute; quantised ones keep no plain weights.
POLICIES = frozenset({"float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"})
# What numbers in an architecture may be: no strings or records, whose width is made up by the file.
NUMBERS = frozenset({"float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"})
