"""A connection on which the server's answers come late, so that a visitor chooses again before they are there."""

from collections.abc import Callable, Iterator

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from support.page_parts import Page, eventually


class LateAnswers:
    """Between a page and its server; to be made before the page is opened."""

    def __init__(self, page: Page):
        self._page, self._kept, self._late = page, [], False
        page.route_web_socket("**/_stcore/stream", self._connect)

    def _connect(self, socket) -> None:
        self._socket = socket
        socket.connect_to_server().on_message(self._arrived)

    def _arrived(self, message: bytes) -> None:
        if self._late:
            self._kept.append(message)
        else:
            self._socket.send(message)

    def after(self, *deeds: Callable[[], object]) -> None:
        """Do one thing after the other, each when the server has answered the last, but nothing of it has arrived."""
        self._late = True
        for deed in deeds:
            expected = self._answers() + 1
            deed()
            assert eventually(self._page, self._answers, expected) == expected

    def _answers(self) -> int:
        return sum(map(_is_end, self._kept))

    def come(self, answers: int = 1) -> None:
        """Let the first answers arrive."""
        for _ in range(answers):
            end = next(place for place, message in enumerate(self._kept) if _is_end(message)) + 1
            for message in self._kept[:end]:
                self._socket.send(message)
            del self._kept[:end]

    def come_one_by_one(self) -> Iterator[None]:
        """Let the parts of all answers arrive, each when the one before is drawn."""
        while self._kept:
            self._socket.send(self._kept.pop(0))
            self._page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")
            yield

    def all_come(self) -> None:
        """Let all answers arrive, and those to come too."""
        self._late = False
        for message in self._kept:
            self._socket.send(message)
        self._kept.clear()


def _is_end(message: bytes) -> bool:
    answer = ForwardMsg()
    answer.ParseFromString(message)
    return answer.WhichOneof("type") == "script_finished"
