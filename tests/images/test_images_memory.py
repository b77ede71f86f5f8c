"""The memory that opening takes at most, in the process that asks and in the one that decodes."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.photo_files import encoded, red
from test_images_hostile import OPENED, REFUSED

# Prints by how many bytes the peak has grown while each file was opened, and the highest peak of a child.
SCRIPT = """
import resource
import sys
from pathlib import Path
from cam.errors import ImageError
from cam.images import open as open_module
from cam.images.open import open_image

def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))

before = peak()
for path in sys.argv[1:]:
    try:
        open_image(path, draft=False)
    except ImageError:
        pass
print(peak() - before)
open_module._POOL.close()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux")


def growth(paths: list[Path]) -> tuple[int, int]:
    """Bytes by which opening the files raises the peak of the process, and the peak of its children."""
    command = [sys.executable, "-c", SCRIPT, *map(str, paths)]
    root = Path(__file__).parents[2]
    here, child = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.split()
    return int(here), int(child)


def write(folder: Path, number: int, data: bytes) -> Path:
    path = folder / str(number)
    path.write_bytes(data)
    return path


def test_hostile_files_take_no_more_than_ordinary_ones(tmp_path):
    """The largest of them has 42 MB, which is there twice on its way to the child."""
    made = [make() for make in OPENED.values()] + [make() for make, _ in REFUSED.values()]
    here, child = growth([write(tmp_path, i, data) for i, data in enumerate(made)])
    assert here < 150 * 2**20
    assert child < 400 * 2**20


@pytest.mark.parametrize(
    ("format", "mode", "pictures"),
    [
        # In pictures of 4 bytes a pixel: the decoded one, the RGB one and what is sent; a WebP is decoded on two
        # canvases besides.
        ("JPEG", "RGB", 2),
        ("PNG", "RGBA", 2.25),
        ("PNG", "I;16", 2.25),
        ("GIF", "P", 2),
        ("WEBP", "RGB", 4.5),
        ("TIFF", "F", 3),
        ("AVIF", "RGB", 2.75),
        ("HEIF", "RGB", 2.5),
    ],
)
def test_a_large_photo_takes_a_few_times_its_pixels(format, mode, pictures, tmp_path):
    photo = red(3000, 3000).convert("L" if mode == "I;16" else mode).convert(mode)
    options = {"WEBP": {"method": 0}, "TIFF": {"compression": "tiff_lzw"}, "AVIF": {"speed": 10}}.get(format, {})
    here, child = growth([write(tmp_path, 0, encoded(photo, format, **options))])
    # Here it is a picture of 4 bytes a pixel, and the 3 that come.
    assert here < (1.75 + 0.6) * 4 * 3000 * 3000
    # A child that has done nothing has 20 MB, and those that need NumPy or libheif some more.
    assert child < 40 * 2**20 + (pictures + 0.6) * 4 * 3000 * 3000
