"""What one student does with the page for as long as a lesson lasts, and what is checked of each answer."""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.load_client import Client
from benchmarks.load_page import Page, picture_name
from benchmarks.load_photos import is_photo

# Seconds that a student looks before the next click, and between one upload and the next.
THINK = (3.0, 6.0)
EVERY = (50.0, 70.0)
CLICKS = 5
# The other pages that are looked at, by their paths.
PAGES = ("compare", "inside")
# One click of so many is followed by another before the answer is there.
_HASTY = 6


@dataclass
class Notes:
    """What all students of a round have measured, in seconds by the kind of step, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, kind: str, seconds: float) -> None:
        self.seconds.setdefault(kind, []).append(seconds)


class Student:
    """One session that uploads its own photos and must see these alone."""

    def __init__(self, url: str, name: str, photo_of: Callable[[str], bytes], notes: Notes):
        self._name = name
        self._photo_of = photo_of
        self._notes = notes
        self._random = random.Random(name)
        self._client = Client(url, seen=self._see)
        self._photo = ""
        self._digest: str | None = None
        self._checked = ""
        # The title of the last heat that arrived, and when it did; the title that was asked for last, if it is known.
        self._heat: tuple[str, float] = ("", 0.0)
        self._asked: str | None = None

    async def attend(self, joins: float, until: float) -> None:
        """A whole lesson, from the moment `joins` to `until` on the clock of `time.perf_counter`."""
        await asyncio.sleep(max(0.0, joins - time.perf_counter()))
        try:
            with self._timed("first page"):
                await self._client.open()
            self._check()
            turn = 0
            while time.perf_counter() < until:
                turn += 1
                await self._work(f"{self._name}-{turn}", until)
        # Whatever it is ends this session, and the others go on.
        except Exception as error:
            self._fail(f"{error!r}; asked for {self._asked!r} of {self._photo}, shown {self._heat[0]!r}")
        finally:
            await self._client.close()

    async def _work(self, photo: str, until: float) -> None:
        """A photo, five classes, two pages, and more classes until it is time for another photo."""
        again = time.perf_counter() + self._random.uniform(*EVERY)
        await self._upload(photo)
        for _ in range(CLICKS):
            await self._click()
        for page in PAGES:
            await self._think()
            with self._timed(f"page {page}"):
                await self._client.go(page)
            self._check()
        await self._think()
        with self._timed("back to the first page"):
            await self._client.go("")
        self._check(heat=True)
        while time.perf_counter() < min(again, until):
            await self._click()

    async def _think(self) -> None:
        await asyncio.sleep(self._random.uniform(*THINK))
        # No answer to an earlier click may come after that to the last one.
        if self._asked not in (None, self._heat[0]):
            self._fail(f"asked for {self._asked!r} last, and {self._heat[0]!r} came after it")

    async def _upload(self, photo: str) -> None:
        await self._think()
        data = await asyncio.to_thread(self._photo_of, photo)
        self._photo, self._digest, self._asked = photo, hashlib.sha256(data).hexdigest(), None
        start = time.perf_counter()
        await self._client.upload(f"{photo}.jpg", data, until=self._is_mine)
        self._notes.add("upload to heat", self._heat[1] - start)
        self._check(heat=True)

    async def _click(self) -> None:
        await self._think()
        row = self._client.page.widget("row")
        before = self._chosen()
        others = [option for option in row.options if f"Evidence for {option}" != before]
        wanted = self._random.choice(others)
        if self._random.randrange(_HASTY) == 0:
            await self._ask_for(self._random.choice(others))
            # Less than any answer takes, so that the server is in the middle of one.
            await asyncio.sleep(0.02)
        start = time.perf_counter()
        await self._ask_for(wanted)
        await self._client.answer()
        self._notes.add("another class", self._heat[1] - start)
        if self._heat[0] != self._asked:
            self._fail(f"asked for {self._asked!r}, shown {self._heat[0]!r}")
        self._check(heat=True)

    async def _ask_for(self, option: str) -> None:
        self._asked = title = f"Evidence for {option}"
        self._client.value("row").string_value = option
        await self._client.ask(lambda page: page.pictures().get("heat", {}).get("title") == title)

    def _is_mine(self, page: Page) -> bool:
        return page.pictures().get("heat", {}).get("id") == self._digest

    def _chosen(self) -> str:
        return self._client.page.pictures()["heat"]["title"]

    def _see(self, element) -> None:
        if picture_name(element) == "heat":
            self._heat = (json.loads(element.bidi_component.json)[0]["title"], time.perf_counter())

    def _check(self, *, heat: bool = False) -> None:
        page = self._client.page
        if problems := page.problems():
            self._fail(f"the page shows {problems}")
        pictures = page.pictures()
        if heat and "heat" not in pictures:
            self._fail("there is no heat")
        for name, data in pictures.items():
            if self._digest and data["id"] != self._digest:
                self._fail(f"picture {name!r} is another photo than {self._photo}")
            if self._digest and (uri := data["uri"]) and uri != self._checked:
                self._checked = uri
                if not is_photo(uri, self._photo):
                    self._fail(f"the pixels of picture {name!r} are not those of {self._photo}")

    def _fail(self, what: str) -> None:
        self._notes.failures.append(f"{self._name}: {what}")

    @contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._notes.add(kind, time.perf_counter() - start)
