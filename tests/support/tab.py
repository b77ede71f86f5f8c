"""What tests of a served app read from the page that a tab has."""

import asyncio
from collections.abc import Callable

from benchmarks.load_client import Client
from benchmarks.load_page import Page


def heat(page: Page) -> dict:
    """The data of the heat."""
    return page.pictures()["heat"]


def shows(title: str) -> Callable[[Page], bool]:
    """Whether the page shows the heat of this title."""
    return lambda page: page.pictures().get("heat", {}).get("title") == title


def of_photo(digest: str) -> Callable[[Page], bool]:
    """Whether the heat is that of a photo."""
    return lambda page: page.pictures().get("heat", {}).get("id") == digest


async def taken(tab: Client) -> None:
    """Until the page runs with the photo that `tab` is uploading; it may run by itself before that."""
    while not any(value.WhichOneof("value") == "file_uploader_state_value" for value in tab._values.values()):
        await asyncio.sleep(0)
    while not tab.running:
        await asyncio.sleep(0)


def passes(page: Page) -> int:
    """Forward passes that the server has run so far."""
    texts = [element.text.body for element in page.elements.values() if element.WhichOneof("type") == "text"]
    return next(int(text.removeprefix("passes ")) for text in texts if text.startswith("passes "))


async def choose(tab: Client, place: int) -> str:
    """Click a class of the list; the title of its heat."""
    option = tab.page.widget("row").options[place]
    await tab.change("row", "string_value", option, shows(f"Evidence for {option}"))
    return f"Evidence for {option}"
