"""Memory that is free again goes back to the system, where the C library is glibc.

By default it keeps a heap for each of many threads, and keeps there what photos have left, once some were freed. A
server that runs one thread for each click then holds hundreds of megabytes that nobody uses.
"""

import ctypes
import platform

# Parameters of mallopt. The names and numbers are those of malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# Larger are only opened photos; to ask the system for the arrays of a click too would cost each some milliseconds.
_BYTES = 4 * 2**20
_HEAPS = 2


def give_back_what_is_free() -> bool:
    """To be called before other threads begin; whether it could be set."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # Arrays of more bytes than the threshold are apart from the heaps; naming it keeps it from growing by itself.
    wanted = ((_ARENA_MAX, _HEAPS), (_MMAP_THRESHOLD, _BYTES), (_TRIM_THRESHOLD, _BYTES))
    return all([mallopt(parameter, value) == 1 for parameter, value in wanted])
