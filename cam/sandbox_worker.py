"""A child process that calls functions of ClassCam for `cam.sandbox`, which starts this file as a script.

Arguments: where Python finds modules. Input, pickled one after the other: for each call ("module:function", arguments,
bytes of addresses, seconds of one processor), the last two None for no limit. Answer to each call: `HEAD`, which is a
status and a length, and as many bytes: what the function returned, or text. Whatever else is printed goes to standard
error.
"""

import contextlib
import gc
import math
import os
import pickle
import signal
import struct
import sys
from pkgutil import resolve_name
from typing import BinaryIO

HEAD = struct.Struct("<BQ")
DONE, REFUSED, NO_MEMORY, FAILED = range(4)
_NICE = 5
# PR_SET_PDEATHSIG of Linux.
_SIGNAL_WHEN_PARENT_ENDS = 1


def main() -> int:
    """Answer calls until the input ends (exit code 0) or one fails (1)."""
    # Ctrl-C ends this at once, also in the middle of an import; Python's own answer waits.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Libraries that say something on standard output do not say it in the answer.
    os.dup2(2, 1)
    _end_with_parent()
    sys.path[:] = sys.argv[1:]
    # A child that imports TensorFlow and ends is faster without; see below for the others.
    gc.disable()
    # Peeked, because an end between two calls is no error.
    while calls.peek(1):
        status, parts = _answer(calls)
        answers.write(HEAD.pack(status, sum(map(len, parts))))
        for part in parts:
            answers.write(part)
        answers.flush()
        if status not in (DONE, REFUSED):
            return 1
        del parts
        gc.collect()
        _give_memory_back()
    return 0


def _answer(calls: BinaryIO) -> tuple[int, list[bytes]]:
    from cam.errors import CamError

    try:
        function, arguments, memory_bytes, cpu_seconds = pickle.load(calls)
        _limit(memory_bytes, cpu_seconds)
        found = resolve_name(function)(*arguments)
        return DONE, found if isinstance(found, list) else [found]
    except CamError as error:
        return REFUSED, [str(error).encode()]
    except MemoryError:
        return NO_MEMORY, []
    except Exception:
        import traceback

        return FAILED, [traceback.format_exc().encode(errors="replace")]


def _end_with_parent() -> None:
    """End with the thread that started this one, as far as the system can do that."""
    if sys.platform == "linux":
        import ctypes

        # Whoever waits for it may be stopped; then what it makes is of no use.
        ctypes.CDLL(None).prctl(_SIGNAL_WHEN_PARENT_ENDS, signal.SIGKILL)


def _give_memory_back() -> None:
    """Give the system what the last call has left free; by itself the C library of Linux keeps tens of megabytes."""
    if sys.platform == "linux":
        import ctypes

        # Other C libraries than GNU's have no such function.
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _limit(memory_bytes: int | None, cpu_seconds: int | None) -> None:
    """Limit what the next call may use; Windows has no such limits, and there the parent's clock is the only one.

    Calls with limits are of photos and of files of others, and let other processes go first; the rest build networks.
    """
    if sys.platform == "win32":
        return
    import resource

    if cpu_seconds is not None:
        os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))

    def limit(kind: int, most: int | None) -> None:
        hard = resource.getrlimit(kind)[1]
        # The soft limit, because the next call is given its own; the hard one is the system's.
        soft = hard if most is None else most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (soft, hard))

    used = resource.getrusage(resource.RUSAGE_SELF)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_CPU, cpu_seconds and math.ceil(used.ru_utime + used.ru_stime) + cpu_seconds)
    # Elsewhere than on Linux it is not enforced, or not even accepted.
    if sys.platform == "linux":
        limit(resource.RLIMIT_AS, memory_bytes)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # The parent has all; to take TensorFlow apart would keep it waiting.
    os._exit(code)
