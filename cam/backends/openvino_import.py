"""OpenVINO: whether it is there, and its import."""

import importlib.util
import sys
from importlib import metadata


def is_installed() -> bool:
    """Whether there is an OpenVINO; it is not imported."""
    return bool(importlib.util.find_spec("openvino") and list(metadata.distributions(name="openvino")))


def import_openvino():
    """OpenVINO, without the package that tells its makers of every import: this project sends nothing to anybody.

    OpenVINO does without it where it cannot be imported, which is what None in `sys.modules` means.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
