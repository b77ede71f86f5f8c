"""What the child process decodes: limits on time and memory, what becomes of one that dies, and what comes back."""

import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from support.photo_files import encoded, jpeg_of_scans, noise, red, repeated_frames

from cam.app import cache
from cam.app.widgets import download_menu
from cam.errors import ImageError
from cam.images import open as images
from cam.images.limits import DAMAGED, NOT_A_PHOTO, TOO_LONG, ImageLimits
from cam.images.open import open_image
from cam.sandbox import ChildError, ChildPool

ONE_SECOND = ImageLimits(cpu_seconds=1, at_once=2)
not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="no limit on processor time")


def refusal(data: bytes, **options) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(data, **options)
    return str(caught.value)


def test_the_first_of_many_frames_is_shown_where_time_allows():
    assert open_image(repeated_frames(64, 64, 20)).getpixel((32, 32))[0] > 240


ENDLESS = {
    "AVIF of many frames": lambda: repeated_frames(3000, 3000, 20_000),
    "JPEG of many scans": lambda: jpeg_of_scans(2_000, 3000, 3000),
    "JPEG of many fill bytes": lambda: b"\xff\xd8" + b"\xff" * 20_000_000 + bytes(10),
}


@not_on_windows
@pytest.mark.parametrize("case", ENDLESS)
def test_a_photo_that_takes_too_long_is_ended_by_the_limit_on_processor_time(case):
    assert refusal(ENDLESS[case](), limits=ONE_SECOND) == TOO_LONG


@not_on_windows
def test_photos_of_others_are_opened_meanwhile():
    attack = repeated_frames(3000, 3000, 20_000)
    # Long after which the others are expected to be done, however slow the machine is.
    endless = ImageLimits(cpu_seconds=6, at_once=2)
    with ThreadPoolExecutor() as pool:
        attacks = [pool.submit(refusal, attack, limits=endless) for _ in range(3)]
        for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
            assert open_image(encoded(noise(), format), limits=endless).size == (56, 40)
        assert not all(attack.done() for attack in attacks)
        assert [attack.result() for attack in attacks] == [TOO_LONG] * 3


@pytest.mark.parametrize("size", [70_000, 300_000])
def test_other_threads_go_on_while_a_hostile_file_is_looked_at(size):
    """A regular expression that is quadratic on this file once held the interpreter's lock for 20 s."""
    data = b"\xff\xd8" + b"\xff" * size + bytes(10)
    longest, done = 0.0, threading.Event()

    def tick() -> None:
        nonlocal longest
        last = time.monotonic()
        while not done.wait(0.01):
            longest, last = max(longest, time.monotonic() - last), time.monotonic()

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        assert refusal(data) == NOT_A_PHOTO
    finally:
        done.set()
        ticking.join()
    assert longest < 2


def test_a_photo_that_takes_too_long_by_the_clock_is_given_up():
    assert refusal(repeated_frames(3000, 3000, 20_000), limits=ImageLimits(wall_seconds=0.5)) == TOO_LONG


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory")
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_photo_that_takes_too_much_memory_is_refused(format, monkeypatch):
    data = encoded(red(3000, 3000), format, **({"compression": "tiff_lzw"} if format == "TIFF" else {}))
    monkeypatch.setattr(ImageLimits, "memory_bytes", 2**26)
    assert refusal(data, draft=False) in (TOO_LONG, DAMAGED, NOT_A_PHOTO)


PROGRAM = """
import os, struct

def end(*photo):
    os._exit(4)

def kill(*photo):
    os.kill(os.getpid(), 9)

def crash(*photo):
    os.kill(os.getpid(), 11)

def no_head(*photo):
    return b"{"

def too_few(*photo):
    return struct.pack("<4L", 20, 20, 20, 20) + b"ab"

def nothing(*photo):
    return bytes(16)

def too_many(*photo):
    return [bytes(2**20)] * 200
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """What is decoded by a program instead; gives the function that chooses which."""
    (tmp_path / "decoder.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    pool = ChildPool()
    monkeypatch.setattr(images, "_POOL", pool)
    yield lambda function: monkeypatch.setattr(images, "_DECODE", f"decoder:{function}")
    pool.close()


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("kill", TOO_LONG),
        ("crash", DAMAGED),
        ("no_head", DAMAGED),
        ("too_few", DAMAGED),
        ("nothing", DAMAGED),
        ("too_many", TOO_LONG),
    ],
)
def test_however_the_process_ends_there_is_a_sentence(function, sentence, program):
    program(function)
    assert refusal(encoded(red(), "PNG")) == sentence


def test_a_process_that_cannot_decode_is_not_blamed_on_the_photo(program):
    for function, text in (("end", "exit code 4"), ("missing", "exit code 1.*AttributeError")):
        program(function)
        with pytest.raises(ChildError, match=f"(?s)decoder:{function} ended with {text}"):
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
    assert set(handed_over) == {3 * given[0] * given[1]}
    assert open_image(data).getpixel((600, 600)) == pytest.approx(red(1, 1).getpixel((0, 0)), abs=4)


def test_every_pixel_is_kept_where_that_is_asked_for():
    assert open_image(encoded(red(2400, 2400), "TIFF"), draft=False).size == (2400, 2400)


@pytest.mark.parametrize("mode", ["RGBA", "P", "CMYK", "L"])
def test_a_large_photo_of_any_mode_is_reduced(mode):
    photo = red(2400, 2400)
    if mode == "RGBA":
        photo.putalpha(0)
    opened = open_image(encoded(photo.convert(mode), "TIFF", compression="tiff_lzw"))
    assert opened.size == (1200, 1200)
    assert opened.getpixel((9, 9)) == {"RGBA": (255, 255, 255), "L": (76, 76, 76)}.get(mode, (255, 0, 0))


@pytest.mark.parametrize(("size", "kept"), [((4000, 2000), (3394, 1697)), ((500_000, 16), (424_264, 14))])
def test_what_waits_for_a_forward_pass_is_small(size, kept):
    photo = cache.make_photo(encoded(red(*size), "PNG"), "red").image
    assert photo.size == kept and photo.width * photo.height <= cache.MAX_PIXELS * 1.05
    assert photo.getextrema() == ((255, 255), (0, 0), (0, 0))


def test_an_ordinary_photo_is_as_it_was_opened():
    data = encoded(noise(), "PNG")
    assert np.array_equal(np.asarray(cache.make_photo(data, "noise").image), np.asarray(open_image(data)))


def test_pictures_to_save_take_turns(monkeypatch):
    """Each is made at the photo's own resolution, which takes more memory than anything else."""
    at_once, most, lock, full = 0, 0, threading.Lock(), threading.Barrier(2)

    class Drawn:
        def save(self, *rest, **more) -> None:
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            full.wait(30)
            with lock:
                at_once -= 1

    monkeypatch.setattr(download_menu, "draw_overlay", lambda *seen: Drawn())
    photo = cache.make_photo(encoded(noise(), "PNG"), "mine")
    view = download_menu.View("inferno", 60, None)
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: download_menu._overlay(photo, None, None, view), range(6))) == [b""] * 6
    assert most == 2
