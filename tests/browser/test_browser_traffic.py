"""What a click costs: one message to the server, one run, few bytes back; what the browser has is not sent again."""

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from support.page_parts import PHOTO, choose_class, wait_for_heat

pytestmark = pytest.mark.browser


class Traffic:
    """The messages of a page's websocket since `clear`."""

    def __init__(self, page):
        self.sent, self.received = [], []
        page.on("websocket", self._watch)

    def _watch(self, socket) -> None:
        socket.on("framesent", lambda data: self.sent.append(data))
        socket.on("framereceived", lambda data: self.received.append(data))

    def clear(self) -> None:
        self.sent.clear()
        self.received.clear()

    def runs(self) -> int:
        """Runs of the script that have come to their end."""
        kinds = [ForwardMsg.FromString(data).WhichOneof("type") for data in self.received]
        return kinds.count("script_finished")

    def bytes(self) -> int:
        return sum(map(len, self.received))


@pytest.fixture
def traffic(new_page):
    page = new_page()
    traffic = Traffic(page)
    page.goto("/")
    wait_for_heat(page)
    page.wait_for_url("**/?*photo=dog_and_cat*")
    traffic.clear()
    return page, traffic


def test_a_click_on_a_class_is_one_message_one_run_and_one_picture(traffic):
    page, seen = traffic
    choose_class(page, "German shepherd")
    assert (len(seen.sent), seen.runs()) == (1, 1)
    photo = page.locator(f"{PHOTO} img.photo").get_attribute("src").encode()
    assert not [data for data in seen.received if photo in data]
    # Of which the heat is 48 kB; the photo would be 150 kB, the samples' pictures 90 kB and the names of classes 40 kB.
    assert seen.bytes() < 75_000


def test_a_class_that_was_seen_before_sends_no_picture_at_all(traffic):
    page, seen = traffic
    for label in ("German shepherd", "Egyptian cat"):
        choose_class(page, label)
    seen.clear()
    choose_class(page, "German shepherd")
    assert (len(seen.sent), seen.runs()) == (1, 1)
    assert seen.bytes() < 20_000


def test_a_new_visitor_is_sent_the_page_compressed(new_page):
    page = new_page()
    page.goto("/")
    wait_for_heat(page)
    sizes = page.evaluate("performance.getEntriesByType('resource').map((file) => [file.name, file.encodedBodySize])")
    scripts = sum(size for name, size in sizes if name.endswith((".js", ".css")))
    # As Streamlit sends them 2.7 MB.
    assert 0 < scripts < 900_000
