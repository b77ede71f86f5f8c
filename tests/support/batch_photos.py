"""Files for runs: photos in all forms, and what only looks like one."""

import io
import os
import random
from pathlib import Path

from PIL import Image

SAMPLES = sorted((Path(__file__).parents[2] / "sample_images").glob("*.jpg"))


def write_good(folder: Path) -> None:
    """30 photos in ten forms, small versions of the samples."""
    forms = [
        ("jpg", "RGB", {}),
        ("jpeg", "L", {}),
        ("JPG", "CMYK", {}),
        ("png", "RGBA", {}),
        ("png", "P", {}),
        ("webp", "RGB", {}),
        ("gif", "P", {}),
        ("bmp", "RGB", {}),
        ("tiff", "RGB", {}),
        ("jpg", "RGB", {"progressive": True}),
    ]
    for i in range(30):
        ending, mode, options = forms[i % 10]
        with Image.open(SAMPLES[i % len(SAMPLES)]) as photo:
            photo.thumbnail((200 + i, 200 + i))
            photo.convert(mode).save(folder / f"good{i:02d}.{ending}", **options)


def write_bad(folder: Path) -> None:
    """20 entries that are called like photos and are none that can be opened."""
    whole = {}
    with Image.open(SAMPLES[0]) as photo:
        for form in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"):
            buffer = io.BytesIO()
            photo.resize((200, 200)).save(buffer, form)
            whole[form] = buffer.getvalue()
    header = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(header, "PNG")
    small = io.BytesIO()
    Image.new("RGB", (5, 300)).save(small, "PNG")
    contents = {f"cut.{form.lower()}": data[: len(data) // 2] for form, data in whole.items() if form != "TIFF"}
    contents |= {
        "cut.tif": whole["TIFF"][:1000],
        "cut_early.jpg": whole["JPEG"][:20],
        "empty.jpg": b"",
        "empty.png": b"",
        "text.jpg": b"This is a text.",
        "page.jpg": b"<!DOCTYPE html><html></html>",
        "document.png": b"%PDF-1.7\n%%EOF",
        "noise.webp": random.Random(0).randbytes(5000),
        "vector.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "huge.png": header.getvalue(),
        "tiny.png": small.getvalue(),
        "large.jpg": whole["JPEG"] + bytes(50 * 2**20),
    }
    for name, content in contents.items():
        (folder / f"bad_{name}").write_bytes(content)
    (folder / "bad_folder.jpg").mkdir()
    os.symlink("nowhere", folder / "bad_link.jpg")
    os.mkfifo(folder / "bad_pipe.jpg")
