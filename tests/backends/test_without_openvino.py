"""Without OpenVINO everything works by TensorFlow, and nothing is kept on disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cam.backends.imports import has_openvino

ROOT = Path(__file__).parents[2]
# The tests of what OpenVINO takes part in where it is installed.
SAME = ("test_model.py", "test_model_passes.py", "test_model_reference.py")
# `None` is what Python takes for a module that cannot be imported.
BLOCKED = "import sys; sys.modules['openvino'] = None"
REPORT = f"""
{BLOCKED}
import cam
from cam.backends.imports import has_openvino
from cam.settings import library_options
model = cam.load_model("efficientnet-lite0", options=library_options())
best = model.explain(cam.open_image("sample_images/koala.jpg")).top(1)[0]
print(has_openvino(), type(model.backend).__name__, best.index, model.passes)
"""
TESTS = f"{BLOCKED}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"


def run(code: str, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess:
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "CAM_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=600)


def test_a_network_is_run_by_tensorflow_and_not_kept(tmp_path):
    done = run(REPORT, tmp_path)
    assert done.stdout == "False KerasBackend 105 1\n", done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not has_openvino(), reason="there is no OpenVINO, so they run without it anyway")
def test_the_tests_of_the_engine_pass_too(tmp_path):
    done = run(TESTS, tmp_path, "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in SAME))
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-3000:]
