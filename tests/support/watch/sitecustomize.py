"""Every Python process of a test server runs this first: it notes where they connect and what they write.

WATCH_LOG names the file that gets one JSON line, [event, address], for each address that is used or looked up, and
["write", path] for each file that is opened to be written. Where TENSORFLOW_GATE names a file, the import of TensorFlow
waits until that file exists.
"""

import json
import os
import sys
import time

# Events of the interpreter -> which of their arguments is the address or the host.
_EVENTS = {
    "socket.bind": 1,
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _note(event: str, args: tuple) -> None:
    if event in _EVENTS:
        os.write(_log, (json.dumps([event, args[_EVENTS[event]]], default=str) + "\n").encode())
    elif event == "open" and args[2] & _WRITING and not isinstance(args[0], int):
        os.write(_log, (json.dumps(["write", os.fsdecode(args[0])]) + "\n").encode())


def _hold(event: str, args: tuple) -> None:
    if event == "import" and args[0] == "tensorflow":
        while not os.path.exists(os.environ["TENSORFLOW_GATE"]):
            time.sleep(0.02)


sys.addaudithook(_note)
if "TENSORFLOW_GATE" in os.environ:
    # An import is announced before it takes any lock, so that only the thread that asks for TensorFlow waits here.
    sys.addaudithook(_hold)
