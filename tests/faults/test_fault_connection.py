"""A connection that is lost, clicks that come too fast, and names of files that look like a page: on a real server."""

import asyncio
import hashlib
import io

import pytest
from PIL import Image
from support.event_loop import run_apart
from support.tab import choose, heat, of_photo, passes, shows, taken

from benchmarks.load_client import Client
from benchmarks.load_server import running_server

NAME = "<img src=x onerror=alert(1)> **loud** :red[x] [link](https://example.org) $y$ &amp; `code`.jpg"
DESCRIPTION = "<script>alert('description')</script>"
PAGES = ("", "inside", "compare", "cover", "why", "guess")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    output = tmp_path_factory.mktemp("server") / "server.txt"
    with running_server(output, app="tests/support/served_app.py") as server:
        yield server


@pytest.fixture
def photo(request, noise_photo) -> bytes:
    """A photo of its own for each test, whose EXIF block describes it."""
    image = noise_photo(320, 240, len(request.node.name))
    exif = Image.Exif()
    exif[0x010E] = DESCRIPTION
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif, comment=request.node.name.encode())
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_after_a_lost_connection_photo_class_and_result_are_there_without_another_pass(server, photo):
    async def visit() -> None:
        async with Client(server.url) as tab, Client(server.url) as other:
            await tab.open()
            await other.open()
            await tab.upload("mine.jpg", photo, of_photo(digest(photo)))
            title = await choose(tab, 2)
            before, session = tab.page, tab.session
            assert passes(before) == passes(other.page) + 1
            await tab.drop()
            await tab.connect()
            await tab.rerun()
            assert tab.session == session and not tab.page.problems()
            assert heat(tab.page) == heat(before) and heat(tab.page)["title"] == title
            assert tab.page.pictures()["photo"] == before.pictures()["photo"]
            assert passes(tab.page) == passes(before)
            # The next click is answered as ever.
            await choose(tab, 1)
            await other.rerun()
            assert heat(other.page)["id"] != digest(photo)

    run_apart(visit())


def test_a_connection_that_is_lost_while_the_photo_is_looked_at_finds_the_result(server, photo):
    async def visit() -> None:
        async with Client(server.url) as tab:
            await tab.open()
            count = passes(tab.page)
            uploading = asyncio.create_task(tab.upload("mine.jpg", photo))
            # The page has taken the photo, and the answer is on its way.
            await taken(tab)
            await tab.drop()
            uploading.cancel()
            await tab.connect()
            await tab.rerun(of_photo(digest(photo)))
            assert heat(tab.page)["id"] == digest(photo) and not tab.page.problems()
            assert passes(tab.page) == count + 1

    run_apart(visit())


def test_a_click_right_after_an_upload_does_not_lose_the_photo(server, photo):
    async def visit() -> None:
        async with Client(server.url) as tab:
            await tab.open()
            uploading = asyncio.create_task(tab.upload("mine.jpg", photo))
            await taken(tab)
            tab.value("row").string_value = tab.page.widget("row").options[1]
            await tab.ask(of_photo(digest(photo)))
            # Not cancelled: its message may still be on its way, where a run of the page's own began meanwhile.
            await asyncio.gather(uploading, tab.answer())
            assert not tab.page.problems()

    run_apart(visit())


def test_a_session_that_the_server_does_not_know_is_a_new_one(server):
    async def visit() -> None:
        async with Client(server.url, session="00000000-0000-0000-0000-000000000000") as tab:
            await tab.open()
            assert heat(tab.page)["id"] == tab.page.pictures()["photo"]["id"] and not tab.page.problems()

    run_apart(visit())


@pytest.mark.parametrize("pause", [0.0, 0.01, 0.02, 0.03, 0.04])
def test_a_click_that_overtakes_the_answer_to_another_finds_the_pictures_that_the_browser_has(server, pause):
    """A browser forgets pictures as answers come in, and must not be told to take one that it forgot."""

    async def visit() -> None:
        async with Client(server.url) as tab:
            await tab.open()
            title = await choose(tab, 1)
            await choose(tab, 2)
            options = tab.page.widget("row").options
            tab.value("row").string_value = options[3]
            await tab.ask()
            await asyncio.sleep(pause)
            tab.value("row").string_value = options[1]
            await tab.ask(shows(title))
            await tab.answer()
            assert heat(tab.page)["title"] == title

    run_apart(visit())


def test_the_name_and_the_texts_of_a_file_are_never_read_as_a_page(server, photo):
    """Components and lists of choices show text as text; what reads HTML or Markdown must not get a name as it is."""

    async def visit() -> None:
        async with Client(server.url) as tab:
            await tab.open()
            await tab.upload(NAME, photo, of_photo(digest(photo)))
            assert tab.page.pictures()["photo"]["title"] == NAME
            found = set()
            for page in PAGES:
                await tab.go(page)
                assert not tab.page.problems()
                for element in tab.page.elements.values():
                    text = str(element)
                    assert "alert('description')" not in text
                    if "onerror" in text:
                        found.add(element.WhichOneof("type"))
            assert found == {"bidi_component", "selectbox"}
            # The same file, cut off: what is wrong is said without its name, or with the signs of Markdown escaped.
            await tab.go("")
            await tab.upload(NAME, photo[:400], lambda page: bool(page.problems()))
            alerts = [
                element.alert.body for element in tab.page.elements.values() if element.WhichOneof("type") == "alert"
            ]
            assert len(alerts) == 1 and "<img" not in alerts[0].replace("\\<", "")

    run_apart(visit())
