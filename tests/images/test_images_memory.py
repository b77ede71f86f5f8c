"""The memory that opening takes at most, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.photo_files import encoded, red
from test_images_hostile import OPENED, REFUSED

# Prints by how many bytes the peak has grown while each file was opened.
SCRIPT = """
import sys
from pathlib import Path
from cam.errors import ImageError
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
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux")


def growth(paths: list[Path]) -> int:
    command = [sys.executable, "-c", SCRIPT, *map(str, paths)]
    root = Path(__file__).parents[2]
    return int(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)


def write(folder: Path, number: int, data: bytes) -> Path:
    path = folder / str(number)
    path.write_bytes(data)
    return path


def test_hostile_files_take_no_more_than_ordinary_ones(tmp_path):
    """The largest of them has 42 MB and the largest picture 25 megapixels of RGB; as Pillow holds it, 100 MB."""
    made = [make() for make in OPENED.values()] + [make() for make, _ in REFUSED.values()]
    paths = [write(tmp_path, i, data) for i, data in enumerate(made)]
    assert growth(paths) < 250 * 2**20


@pytest.mark.parametrize(
    ("format", "mode", "pictures"),
    [
        # In pictures of 4 bytes a pixel: the decoded one and the RGB one; a WebP is decoded on two canvases besides.
        ("JPEG", "RGB", 2),
        ("PNG", "RGBA", 2),
        ("PNG", "I;16", 1.5),
        ("GIF", "P", 1.25),
        ("WEBP", "RGB", 5),
        ("TIFF", "F", 3),
        ("AVIF", "RGB", 2.75),
    ],
)
def test_a_large_photo_takes_a_few_times_its_pixels(format, mode, pictures, tmp_path):
    photo = red(3000, 3000).convert("L" if mode == "I;16" else mode).convert(mode)
    options = {"WEBP": {"method": 0}, "TIFF": {"compression": "tiff_lzw"}}.get(format, {})
    path = write(tmp_path, 0, encoded(photo, format, **options))
    assert growth([path]) < (pictures + 0.6) * 4 * 3000 * 3000
