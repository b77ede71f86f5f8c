"""Call a function in a Python process of its own, for what needs TensorFlow once.

A process that has imported TensorFlow keeps several hundred megabytes for it until it ends. A server that runs its
networks by OpenVINO has no other use for them, as long as only exact maps are asked for.
"""

import pickle
import signal
import subprocess
import sys

from cam import sandbox_worker
from cam.errors import ModelError

_LAST_LINES = 5


def call_apart(function: str, *arguments: object) -> bytes:
    """What a function returns that is called in another process, waited for; on Linux it ends with this thread.

    Args:
        function: "module:function"; it returns bytes. It is found where this process finds its modules, but what was
            put into them here is not there.
        arguments: anything that can be pickled.

    Raises:
        ModelError: with the sentence of the CamError that the function raised; or it was interrupted with Ctrl-C, which
            a terminal tells both processes.
        RuntimeError: it raised something else, or the process was ended; the text has its last lines.
        Exception: what is raised where arguments cannot be pickled (of several types), or no process can be started.
    """
    sent = pickle.dumps(sys.path) + pickle.dumps((function, arguments))
    # -P: modules of Python before those of this folder.
    done = subprocess.run([sys.executable, "-P", sandbox_worker.__file__], input=sent, capture_output=True, check=False)
    if done.returncode == sandbox_worker.REFUSED:
        raise ModelError(done.stdout.decode())
    if done.returncode == -signal.SIGINT:
        raise ModelError("Another process read the network and was interrupted. Start again.")
    if done.returncode != 0:
        last = "\n".join(done.stderr.decode(errors="replace").strip().splitlines()[-_LAST_LINES:])
        raise RuntimeError(f"The process of {function} ended with exit code {done.returncode}.\n{last}".strip())
    return done.stdout
