"""The server's socket: each answer is sent at once.

Streamlit makes its socket in a way in which asyncio does not know it for one of TCP, and leaves Nagle's algorithm on
(uvicorn's own has the same fault: github.com/Kludex/uvicorn/issues/3149). The second of two small parts of an answer
then waits until the client has confirmed the first, on Linux for up to 40 ms: one that keeps its connection, such as a
proxy, waits so long for each answer. Browsers confirm sooner, and wait less.
"""

import gc
import socket


def send_at_once() -> None:
    """Have the sockets at which this process listens, and with them the connections they accept, wait for nothing."""
    # Nobody hands out the server's socket, and there is one. An `isinstance` would wake modules that load lazily.
    for found in [one for one in gc.get_objects() if type(one) is socket.socket]:
        if _listens(found):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _listens(found: socket.socket) -> bool:
    over_tcp = found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM
    return over_tcp and found.fileno() >= 0 and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
