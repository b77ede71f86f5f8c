"""A process of its own that decodes one TIFF, AVIF or HEIC photo: the file on stdin, its pixels on stdout.

`cam.images.process` starts this file as a script, so it imports Pillow and nothing of ClassCam. Arguments:
the most pixels to decode, seconds of one processor, bytes of addresses, and the least side to which the photo may be
reduced, or 0. Output: a line of JSON with mode, size, size in the file and orientation, and the pixels unless there are
too many.
"""

import ctypes
import io
import json
import os
import signal
import sys

# PR_SET_PDEATHSIG of Linux.
_SIGNAL_WHEN_PARENT_ENDS = 1
NOT_A_PHOTO, DAMAGED, TOO_MUCH_MEMORY = 3, 4, 5
# The modes that are written as they are; others become RGB or RGBA.
BYTES_PER_PIXEL = {"L": 1, "LA": 2, "I;16": 2, "I;16B": 2, "RGB": 3, "RGBA": 4, "I": 4, "F": 4}
# Modes whose pixels can be averaged; transparent ones have colours that nobody sees.
_REDUCIBLE = {"L", "RGB"}


def stand_back() -> None:
    """Let other processes go first, and end with the thread that started this one; as far as the system can do that."""
    if sys.platform != "win32":
        os.nice(5)
    if sys.platform == "linux":
        # Whoever waits for it may be stopped; then what it makes is of no use.
        ctypes.CDLL(None).prctl(_SIGNAL_WHEN_PARENT_ENDS, signal.SIGKILL)


def _limit(seconds: int, memory: int) -> None:
    stand_back()
    # Windows has no such limits: there the parent's clock is the only one.
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    # Elsewhere than on Linux it is not enforced, or not even accepted.
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _reduced(image, least: int):
    """The picture at 1/2, 1/4 or 1/8 while both its sides stay at least so long, as a JPEG is decoded."""
    factors = [factor for factor in (8, 4, 2) if least and min(image.size) >= factor * least]
    return image.reduce(factors[0]) if factors and image.mode in _REDUCIBLE else image


def main(max_pixels: int, seconds: int, memory: int, least: int) -> int:
    """Exit code: 0, or which of the three ways of failing above."""
    # Here, because the parent imports this module for its constants.
    import pillow_heif
    from PIL import ExifTags, Image

    _limit(seconds, memory)
    # Nothing that comes with the picture is asked for.
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    # Checked here, in the words of ClassCam.
    Image.MAX_IMAGE_PIXELS = None
    failure = NOT_A_PHOTO
    try:
        image = Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=("TIFF", "AVIF", "HEIF"))
        stored_size = image.size
        fits = image.width * image.height <= max_pixels
        failure = DAMAGED
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        # A damaged one can be of any type.
        orientation = int(orientation) if orientation in range(1, 9) else 1
        if fits:
            image.load()
            if image.mode not in BYTES_PER_PIXEL:
                image = image.convert("RGBA" if image.has_transparency_data else "RGB")
            image = _reduced(image, least)
        head = {"mode": image.mode, "size": image.size, "stored_size": stored_size, "orientation": orientation}
        sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")
        if fits:
            sys.stdout.buffer.write(image.tobytes())
        sys.stdout.buffer.flush()
    except MemoryError:
        return TOO_MUCH_MEMORY
    # Whatever a decoder stumbles over; the parent has the sentence.
    except Exception:
        return failure
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
