"""Tiny networks of one's own as files in the folder of models, and the form that corrects what was guessed of them."""

import json
import warnings
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

# The layer of the network with a shortcut that its scores do not depend on alone.
SHORT_CUT = "inner"


def save(path: Path, end, inputs, x, classes: int) -> None:
    """A network with drawn weights, from `inputs` by `x` and `end` to the probabilities of so many classes."""
    import keras
    from keras import layers

    network = keras.Model(inputs, layers.Dense(classes, activation="softmax")(end(x)))
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.5, value.shape) for value in network.get_weights()])
    with warnings.catch_warnings():
        # Keras hands its variables to NumPy in a way that NumPy 2 warns of.
        warnings.simplefilter("ignore", DeprecationWarning)
        network.save(path)


def save_gap(folder: Path, name: str, *, side: int | None = None, classes: int = 3, **sidecar: object) -> None:
    """Two convolutions, the second past a shortcut, global average pooling and one dense layer: exact maps.

    Args:
        folder: of the models.
        name: of the file, without its ending.
        side: of its square input; any where there is none.
        classes: how many.
        sidecar: what is said in the file beside it; no such file where nothing is.
    """
    import keras
    from keras import layers

    inputs = keras.Input((side, side, 3))
    x = layers.Conv2D(6, 3, 2, padding="same", activation="relu", name="early")(inputs)
    x = layers.MaxPooling2D(2, name="pooled")(x)
    inner = layers.Conv2D(6, 3, padding="same", activation="relu", name=SHORT_CUT)(x)
    save(
        folder / f"{name}.keras", layers.GlobalAveragePooling2D(), inputs, layers.Add(name="late")([x, inner]), classes
    )
    if sidecar:
        (folder / f"{name}.json").write_text(json.dumps(sidecar), encoding="utf-8")


def save_flat(folder: Path, name: str) -> None:
    """Two convolutions and a dense layer on the flattened map, as VGG has: one size of photo, no linear head."""
    import keras
    from keras import layers

    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="early")(inputs)
    x = layers.MaxPooling2D(2)(x)
    x = layers.MaxPooling2D(2)(layers.Conv2D(6, 3, padding="same", activation="relu", name="late")(x))
    save(folder / f"{name}.keras", layers.Flatten(), inputs, x, 2)


def correct(at: AppTest, labels: str | None = None, **fields: object) -> AppTest:
    """Fill in the form and send it: `labels` as they are typed, `preprocessing`, `size`."""
    if labels is not None:
        at.text_area[0].set_value(labels)
    for widget in (*at.selectbox, *at.number_input):
        for field, value in fields.items():
            if (widget.key or "").startswith(f"own_{field}_"):
                widget.set_value(value)
    return at.button(key="FormSubmitter:own_model-Use these").click().run()
