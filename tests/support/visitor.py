"""A visitor without a browser: speaks to a test server as Streamlit's scripts do."""

import http.client
import socket
import uuid
from collections.abc import Iterable
from contextlib import contextmanager
from http.cookies import SimpleCookie
from urllib.parse import quote_plus, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

BOUNDARY = "----part"


class Visitor:
    """One with cookies, who reaches a server by its address under a name of choice."""

    def __init__(self, url: str, host: str):
        self._place, self.host = urlsplit(url), host
        self.cookies: dict[str, str] = {}

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        return {"Host": self.host, **(cookies if self.cookies else {}), **more}

    def ask(self, path: str, method: str = "GET", body: bytes | Iterable[bytes] | None = None, **headers: str):
        """(status, text) of a request; headers are named with _ for -."""
        connection = http.client.HTTPConnection(self._place.hostname, self._place.port, timeout=60)
        named = self._headers({name.replace("_", "-"): value for name, value in headers.items()})
        try:
            connection.request(method, path, body, named, encode_chunked=body is not None and not hasattr(body, "find"))
            answer = connection.getresponse()
            for value in answer.headers.get_all("set-cookie", ()):
                self.cookies |= {name: cookie.value for name, cookie in SimpleCookie(value).items()}
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def enter(self, code: str) -> int:
        """Give the access code; the status of the answer."""
        form = "application/x-www-form-urlencoded"
        return self.ask("/", "POST", f"code={quote_plus(code)}".encode(), Content_Type=form)[0]

    @contextmanager
    def opened(self, origin: str | None = None, **headers: str):
        """The page's websocket."""
        named = self._headers(headers)
        del named["Host"]
        with connect(
            f"ws://{self.host}/_stcore/stream",
            sock=socket.create_connection((self._place.hostname, self._place.port)),
            proxy=None,
            origin=origin,
            subprotocols=["streamlit"],
            additional_headers=named,
            max_size=None,
        ) as stream:
            yield stream

    def refusal(self, origin: str | None = None) -> int | None:
        """With which status the websocket is refused; None if it is opened."""
        try:
            with self.opened(origin):
                return None
        except InvalidStatus as error:
            return error.response.status_code

    def upload(self, session: str, body: bytes | Iterable[bytes], **headers: str) -> int:
        """The status of uploading a photo."""
        path = f"/_stcore/upload_file/{session}/{uuid.uuid4()}"
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="../../etc/my holiday.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        foot = f"\r\n--{BOUNDARY}--\r\n".encode()
        whole = (
            head + body + foot
            if isinstance(body, bytes)
            else (part for parts in ([head], body, [foot]) for part in parts)
        )
        return self.ask(path, "PUT", whole, Content_Type=f"multipart/form-data; boundary={BOUNDARY}", **headers)[0]


def session_of(stream) -> str:
    """Run the page; the name of its session."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    stream.send(message.SerializeToString())
    return next_message(stream, "new_session").initialize.session_id


def wait_for_end(stream) -> None:
    """Until the page is drawn, for which its network is loaded."""
    next_message(stream, "script_finished")


def next_message(stream, kind: str):
    """Wait for the next message of a kind; what it holds."""
    while True:
        answer = ForwardMsg()
        answer.ParseFromString(stream.recv(timeout=120))
        if answer.WhichOneof("type") == kind:
            return getattr(answer, kind)
