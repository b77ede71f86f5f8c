"""One browser tab without a browser: Streamlit's own protocol, its websocket and its address for uploads.

What a browser does, this does: it keeps the elements of the last run, sends the values of all widgets with each rerun,
keeps large messages that the server may name by their hash, follows what the page writes into the address, and uploads
with the cookie and the header against forged requests.
"""

import asyncio
import uuid
from collections.abc import Callable

import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.load_page import ClientError, Page

_COOKIE = "_streamlit_xsrf"
# A run that answers nothing for so long counts as an error, in seconds.
PATIENCE = 60.0


class Client:
    """A tab: `await open()`, then `change`, `upload` and `go`, each of which ends when the run that answers it has.

    As an asynchronous context it is closed at the end.

    Attributes:
        page: the elements of the last run.
        seen: called with each element as it arrives.
        session: what the server calls this tab; a second client that is given it takes the session over.
        running: whether a run has begun that was asked for last.
    """

    def __init__(self, url: str, *, seen: Callable[[Element], None] = lambda element: None, session: str = ""):
        self.url = url
        self.page = Page(ended=True)
        self.seen = seen
        self.session = session
        self.running = False
        self._next: Page = self.page
        self._wanted: Callable[[Page], bool] = lambda page: True
        self._answered = asyncio.Event()
        self._values: dict[str, WidgetState] = {}
        self._kept: dict[str, tuple[bytes, int]] = {}
        self._runs = self._before = 0
        self._oldest = 2
        self._pages: dict[str, str] = {}
        self._script = ""
        self._query = ""
        self._urls: dict[str, asyncio.Future] = {}
        self._failure: Exception | None = None
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task | None = None
        self._token = ""

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect, and wait for the page that opens."""
        await self.connect()
        await self.rerun()

    async def connect(self) -> None:
        """Connect alone; a session that the server knows is taken up as it was."""
        health = await asyncio.to_thread(requests.get, f"{self.url}/_stcore/health", timeout=PATIENCE)
        health.raise_for_status()
        self._token = token = health.cookies[_COOKIE]
        offered = ["streamlit", token, *([self.session] if self.session else [])]
        self._connection = await connect(
            f"ws{self.url.removeprefix('http')}/_stcore/stream",
            origin=self.url,
            subprotocols=offered,
            additional_headers={"Cookie": f"{_COOKIE}={token}"},
            max_size=None,
            open_timeout=PATIENCE,
            ping_interval=None,
        )
        self._failure = None
        self._reader = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Close the tab."""
        if self._connection is not None:
            await self._connection.close()
            self._reader.cancel()

    async def drop(self) -> None:
        """Lose the connection without a word, as in a tunnel."""
        self._reader.cancel()
        self._connection.transport.abort()
        await self._connection.wait_closed()

    async def change(
        self, key: str, field_name: str, value: object, until: Callable[[Page], bool] = lambda page: True
    ) -> None:
        """Give the widget of a key another value; ends with the first finished run whose page is as `until` says."""
        setattr(self.value(key), field_name, value)
        await self.rerun(until)

    def value(self, key: str) -> WidgetState:
        """The value that the widget of a key has here, to be changed; `ask` sends it."""
        return self._value(self.page.widget(key).id)

    async def upload(self, name: str, data: bytes, until: Callable[[Page], bool] = lambda page: True) -> None:
        """Drop a file on the page's field for uploads."""
        uploader = next(
            element.file_uploader
            for element in self.page.elements.values()
            if element.WhichOneof("type") == "file_uploader"
        )
        request = BackMsg()
        request.file_urls_request.request_id = uuid.uuid4().hex
        request.file_urls_request.session_id = self.session
        request.file_urls_request.file_names.append(name)
        answer = self._urls[request.file_urls_request.request_id] = asyncio.get_running_loop().create_future()
        await self._send(request)
        urls = (await asyncio.wait_for(answer, PATIENCE)).file_urls[0]
        await asyncio.to_thread(self._put, urls.upload_url, name, data)
        info = self._value(uploader.id).file_uploader_state_value.uploaded_file_info.add()
        info.file_id, info.name, info.size = urls.file_id, name, len(data)
        info.file_urls.CopyFrom(urls)
        await self.rerun(until)

    async def go(self, page: str, until: Callable[[Page], bool] = lambda page: True) -> None:
        """Open a page of the navigation by its path, "" for the first."""
        self._script = self._pages[page]
        # A browser forgets the widgets of the page that it leaves.
        self._query, self._values = "", {}
        await self.rerun(until)

    async def rerun(self, until: Callable[[Page], bool] = lambda page: True) -> None:
        """Ask for a run with the values that the widgets have."""
        await self.ask(until)
        await self.answer()

    async def ask(self, until: Callable[[Page], bool] = lambda page: True) -> None:
        """The same without waiting: `answer` waits."""
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string = self._query
        rerun.page_script_hash = self._script
        rerun.widget_states.widgets.extend(self._values.values())
        rerun.cached_message_hashes.extend(self._kept)
        self._wanted, self.running, self._before = until, False, self._runs
        self._answered.clear()
        await self._send(message)

    async def answer(self) -> None:
        """Wait for the run that was asked for (ClientError: none in time, or the connection was lost)."""
        try:
            await asyncio.wait_for(self._answered.wait(), PATIENCE)
        except TimeoutError:
            ended = f"{self._runs - self._before} runs have ended"
            raise ClientError(f"no answer within {PATIENCE:.0f} s, {ended}") from self._failure
        if self._failure is not None:
            raise ClientError(f"the connection was lost: {self._failure!r}") from self._failure

    def _put(self, path: str, name: str, data: bytes) -> None:
        # A connection of its own: one that is kept may be closed by the server at the moment that it is used again.
        answer = requests.put(
            self.url + path,
            files={"file": (name, data, "image/jpeg")},
            headers={"X-Xsrftoken": self._token, "Origin": self.url},
            cookies={_COOKIE: self._token},
            timeout=PATIENCE,
        )
        answer.raise_for_status()

    def _value(self, widget: str) -> WidgetState:
        return self._values.setdefault(widget, WidgetState(id=widget))

    async def _send(self, message: BackMsg) -> None:
        await self._connection.send(message.SerializeToString())

    async def _read(self) -> None:
        try:
            async for data in self._connection:
                self._take(data)
        # Whatever it was, the tab is lost: `answer` raises it where it is waited for.
        except Exception as error:
            self._failure = error
        else:
            self._failure = ConnectionError("the server has closed it")
        self._answered.set()

    def _take(self, data: bytes) -> None:
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            kept, _ = self._kept[message.ref_hash]
            self._kept[message.ref_hash] = (kept, self._runs)
            original = ForwardMsg.FromString(kept)
            original.metadata.CopyFrom(message.metadata)
            message, kind = original, original.WhichOneof("type")
        elif message.metadata.cacheable:
            self._kept[message.hash] = (data, self._runs)
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(getattr(message, kind), message)

    def _on_new_session(self, started, message: ForwardMsg) -> None:
        self.session = started.initialize.session_id
        self._script = started.page_script_hash
        self._oldest = started.config.max_cached_message_age
        self._next, self.running = Page(), True

    def _on_navigation(self, navigation, message: ForwardMsg) -> None:
        pages = navigation.app_pages
        self._pages = {"" if page.is_default else page.url_pathname: page.page_script_hash for page in pages}
        self._script = navigation.page_script_hash

    def _on_page_info_changed(self, info, message: ForwardMsg) -> None:
        self._query = info.query_string

    def _on_file_urls_response(self, response, message: ForwardMsg) -> None:
        self._urls.pop(response.response_id).set_result(response)

    def _on_delta(self, delta, message: ForwardMsg) -> None:
        self._next.put(message)
        if delta.WhichOneof("type") == "new_element":
            self.seen(delta.new_element)

    def _on_script_finished(self, status: int, message: ForwardMsg) -> None:
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return
        self.page = self._next
        self.page.ended = True
        self._runs += 1
        self._kept = {key: (kept, run) for key, (kept, run) in self._kept.items() if self._runs - run <= self._oldest}
        self._follow()
        if status != ForwardMsg.FINISHED_SUCCESSFULLY or self.page.problems() or self._wanted(self.page):
            self._answered.set()

    def _follow(self) -> None:
        """Values that the server has set, and widgets that are gone, as the browser takes them."""
        present = set()
        for element in self.page.elements.values():
            message = getattr(element, element.WhichOneof("type"))
            if not getattr(message, "id", ""):
                continue
            present.add(message.id)
            if getattr(message, "set_value", False) and (name := _VALUES.get(element.WhichOneof("type"))):
                name(self._value(message.id), message)
        self._values = {key: value for key, value in self._values.items() if key in present}


def _text(state: WidgetState, message) -> None:
    if message.HasField("raw_value"):
        state.string_value = message.raw_value
    else:
        state.ClearField("string_value")


def _flag(state: WidgetState, message) -> None:
    state.bool_value = message.value


def _numbers(state: WidgetState, message) -> None:
    state.double_array_value.data[:] = message.value


# How a value that the server has set becomes the widget's own, by the element's kind.
_VALUES: dict[str, Callable] = {"radio": _text, "selectbox": _text, "checkbox": _flag, "slider": _numbers}
