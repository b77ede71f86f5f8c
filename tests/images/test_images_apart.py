"""What another process decodes: limits on time and memory, and what becomes of one that dies."""

import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from support.photo_files import encoded, noise, red, repeated_frames

from cam.errors import ImageError
from cam.images import process, worker
from cam.images.limits import DAMAGED, NOT_A_PHOTO, TOO_LONG
from cam.images.open import open_image


def refusal(data: bytes, **options) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(data, **options)
    return str(caught.value)


def test_the_first_of_many_frames_is_shown_where_time_allows():
    assert open_image(repeated_frames(64, 64, 20)).getpixel((32, 32))[0] > 240


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on processor time")
def test_frames_without_end_are_ended_by_the_limit_on_processor_time(monkeypatch):
    monkeypatch.setattr(process, "CPU_SECONDS", 1)
    assert refusal(repeated_frames(3000, 3000, 20_000)) == TOO_LONG


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on processor time")
def test_photos_of_others_are_opened_meanwhile(monkeypatch):
    monkeypatch.setattr(process, "CPU_SECONDS", 1)
    attack = repeated_frames(3000, 3000, 20_000)
    with ThreadPoolExecutor() as pool:
        attacks = [pool.submit(refusal, attack) for _ in range(3)]
        for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
            assert open_image(encoded(noise(), format)).size == (56, 40)
        assert not any(attack.done() for attack in attacks)
        assert [attack.result() for attack in attacks] == [TOO_LONG] * 3


def test_a_photo_that_takes_too_long_by_the_clock_is_given_up(monkeypatch):
    monkeypatch.setattr(process, "CLOCK_SECONDS", 0)
    assert refusal(encoded(noise(), "HEIF")) == TOO_LONG


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory")
@pytest.mark.parametrize("format", ["TIFF", "AVIF", "HEIF"])
def test_a_photo_that_takes_too_much_memory_is_refused(format, monkeypatch):
    data = encoded(red(5000, 5000), format, **({"compression": "tiff_lzw"} if format == "TIFF" else {}))
    monkeypatch.setattr(process, "MEMORY_BYTES", 180 * 2**20)
    assert refusal(data, draft=False) in (TOO_LONG, DAMAGED)


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        (f"sys.exit({worker.NOT_A_PHOTO})", NOT_A_PHOTO),
        (f"sys.exit({worker.DAMAGED})", DAMAGED),
        (f"sys.exit({worker.TOO_MUCH_MEMORY})", TOO_LONG),
        ("os.kill(os.getpid(), 11)", DAMAGED),
        ("os.kill(os.getpid(), 9)", TOO_LONG),
        ("print('{', flush=True, end=''); sys.exit(4)", DAMAGED),
        (
            """print('{"mode": "L", "size": [20, 20], "stored_size": [20, 20], "orientation": 1}\\nab'); sys.exit(4)""",
            DAMAGED,
        ),
        (
            """print('{"mode": "L", "size": [9, 20], "stored_size": [9, 20], "orientation": 1}')""",
            "This picture is 9 x 20 pixels",
        ),
    ],
)
@pytest.mark.parametrize("size", [100, 2**20])
def test_however_the_process_ends_there_is_a_sentence(end, sentence, size, tmp_path, monkeypatch):
    """Also where it ends before it has read the photo, which is more than a pipe holds."""
    program = tmp_path / "worker.py"
    program.write_text(f"import os, sys\n{end}")
    monkeypatch.setattr(worker, "__file__", str(program))
    assert refusal(b"\0\0\0\x20ftypheic" + bytes(size)).startswith(sentence)


def test_a_process_that_cannot_start_is_not_blamed_on_the_photo(tmp_path, monkeypatch):
    program = tmp_path / "worker.py"
    program.write_text("import no_such_module")
    monkeypatch.setattr(worker, "__file__", str(program))
    with pytest.raises(RuntimeError, match=r"worker\.py ended with exit code 1"):
        open_image(encoded(noise(), "AVIF"))


@pytest.mark.parametrize("brand", [b"isom", b"mp42", b"heic", b"avif"])
def test_a_video_is_no_photo(brand):
    assert refusal(struct.pack(">L", 20) + b"ftyp" + brand + bytes(8) + bytes(4) + b"mdat") == NOT_A_PHOTO


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_transparency_and_greys_come_through(format):
    clear = red(64, 32).convert("RGBA")
    clear.putalpha(0)
    assert open_image(encoded(clear, format)).getpixel((9, 9)) == (255, 255, 255)
    grey = open_image(encoded(red(64, 32).convert("L"), format)).getpixel((9, 9))
    assert max(abs(value - 76) for value in grey) <= 2


@pytest.mark.parametrize("format", ["TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("size", "given"), [((2400, 2404), (1200, 1202)), ((2399, 3000), (2399, 3000)), ((4800, 4900), (1200, 1225))]
)
def test_a_large_photo_is_reduced_before_it_is_handed_over(format, size, given, monkeypatch):
    """As a JPEG of this size is; what goes through the pipe is counted."""
    handed_over = []
    frombytes = Image.frombytes
    monkeypatch.setattr(
        Image, "frombytes", lambda mode, size, data: handed_over.append(len(data)) or frombytes(mode, size, data)
    )
    data = encoded(red(*size), format, **({"compression": "tiff_lzw"} if format == "TIFF" else {}))
    assert open_image(data).size == open_image(encoded(red(*size), "JPEG")).size == given
    assert handed_over == [3 * given[0] * given[1]]
    assert open_image(data).getpixel((600, 600)) == pytest.approx(red(1, 1).getpixel((0, 0)), abs=4)


def test_every_pixel_is_kept_where_that_is_asked_for_and_where_some_are_transparent():
    assert open_image(encoded(red(2400, 2400), "TIFF"), draft=False).size == (2400, 2400)
    clear = red(2400, 2400).convert("RGBA")
    clear.putalpha(0)
    assert open_image(encoded(clear, "TIFF")).getpixel((9, 9)) == (255, 255, 255)
