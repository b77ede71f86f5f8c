"""Decode TIFF, AVIF and HEIC in a process with limits on time and memory.

An AVIF or HEIC photo is a frame of a video. It may hide thousands of frames before the one to show, or make each of its
tiles a huge picture; no check short of decoding finds them all, and nothing interrupts the decoder. The library for
TIFF has the longest history of flaws, and prints what it finds wrong. The process costs about 0.1 s; to decode 12
megapixels takes 0.4 s (AVIF) to 1 s (HEIC).
"""

import contextlib
import json
import subprocess
import sys
import threading
from typing import BinaryIO

from PIL import Image

from cam.errors import ImageError
from cam.images import worker
from cam.images.limits import DAMAGED, NOT_A_PHOTO, TOO_LONG, check_size, max_pixels

# Of one processor, and of the clock: many photos at once share the processors. 40 megapixels take 2 s.
CPU_SECONDS = 15
CLOCK_SECONDS = 60
# Of addresses. 40 megapixels with transparency touch about 0.7 GB.
MEMORY_BYTES = 3 * 2**30
_SENTENCES = {worker.NOT_A_PHOTO: NOT_A_PHOTO, worker.DAMAGED: DAMAGED}
# SIGXCPU is what the limit on processor time sends, SIGKILL what a machine without memory does.
_ENDED_BY_LIMITS = {worker.TOO_MUCH_MEMORY, -24, -9}


def decode_apart(data: bytes, least_side: int = 0) -> tuple[Image.Image, int, tuple[int, int]]:
    """The picture, its EXIF orientation, and its (width, height) in the file.

    Each process may take up to `MEMORY_BYTES`, so callers take turns.

    Args:
        data: the file.
        least_side: reduce the picture to 1/2, 1/4 or 1/8 while both sides stay at least so long, before it is handed
            over; 0 keeps every pixel.

    Raises:
        ImageError: no photo, damaged, outside of the limits, or too slow or too large to decode.
    """
    # -P: modules of Python before those of this folder.
    command = [sys.executable, "-P", "-W", "ignore", worker.__file__]
    command += map(str, (max_pixels(), CPU_SECONDS, MEMORY_BYTES, least_side))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes) as process:
        clock = threading.Timer(CLOCK_SECONDS, process.kill)
        clock.start()
        try:
            # The worker reads all before it writes; one that has died says so by its exit code.
            for send in (lambda: process.stdin.write(data), process.stdin.close):
                with contextlib.suppress(BrokenPipeError):
                    send()
            if picture := _read_picture(process.stdout):
                return picture
            code = process.wait()
            overdue = clock.finished.is_set()
        finally:
            clock.cancel()
            process.kill()
    if overdue or code in _ENDED_BY_LIMITS:
        raise ImageError(TOO_LONG)
    if code in _SENTENCES or code < 0:
        raise ImageError(_SENTENCES.get(code, DAMAGED))
    raise RuntimeError(f"{worker.__file__} ended with exit code {code}")


def _read_picture(stream: BinaryIO) -> tuple[Image.Image, int, tuple[int, int]] | None:
    """What the worker wrote; None if it did not get to its end."""
    if not (head := stream.readline(1000)).endswith(b"\n"):
        return None
    about = json.loads(head)
    check_size(*about["stored_size"])
    width, height = about["size"]
    pixels = bytearray(width * height * worker.BYTES_PER_PIXEL[about["mode"]])
    if stream.readinto(pixels) < len(pixels):
        return None
    return Image.frombytes(about["mode"], (width, height), pixels), about["orientation"], tuple(about["stored_size"])
