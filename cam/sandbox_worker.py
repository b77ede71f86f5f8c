"""A process of its own that calls one function of ClassCam: bytes for its standard output, or a sentence.

`cam.sandbox` starts this file as a script. Input: pickled one after the other, where Python finds modules, and
("module:function", arguments). Output: the bytes that the function returns; with the exit code `REFUSED`, the sentence
of the CamError that it raises. Whatever else is printed goes to standard error.
"""

import gc
import os
import pickle
import signal
import sys
from pkgutil import resolve_name

# Python itself ends with 1 and 2.
REFUSED = 3


def main() -> int:
    """Exit code: 0, or `REFUSED`."""
    # Ctrl-C ends this at once, also in the middle of an import; Python's own answer waits.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    answer = os.fdopen(os.dup(1), "wb")
    # Libraries that say something on standard output do not say it in the answer.
    os.dup2(2, 1)
    sys.path[:] = pickle.load(sys.stdin.buffer)
    from cam.errors import CamError
    from cam.images.worker import stand_back

    stand_back()
    # What is made here stays until the end, which is soon.
    gc.disable()
    function, arguments = pickle.load(sys.stdin.buffer)
    code = 0
    try:
        found = resolve_name(function)(*arguments)
    except CamError as error:
        found, code = str(error).encode(), REFUSED
    with answer:
        answer.write(found)
    return code


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # The parent has all; to take TensorFlow apart would keep it waiting.
    os._exit(code)
