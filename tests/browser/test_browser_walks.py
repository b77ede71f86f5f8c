"""A page reached by clicking shows what the same page shows that is opened by its link; and no click leaves anything.

The first by seeded random walks: WALK_SEEDS=4,5,6 WALK_STEPS=40 walk other and longer ways. A fault is told with the
way to it.
"""

import difflib
import os
import random
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, islice

import pytest
from support.page_parts import HEAT, PHOTO, eventually, expect, wait_until_idle

from cam.analysis.occlusion import FILLS
from cam.app.pages.compare.page import _VIEWS
from cam.app.pages.guess.cases import CASES
from cam.app.pages.guess.page import _DOUBLE_CLICK_SECONDS
from cam.app.pages.occlusion.page import _DEEDS, _PARTS, _SHARES
from cam.app.pages.see import _FITS
from cam.app.widgets.class_picker import COUNTS
from cam.app.widgets.sample_gallery import list_samples
from cam.methods import METHODS
from cam.models.registry import find_spec
from cam.render import COLORMAPS

pytestmark = pytest.mark.browser

SEEDS = [int(seed) for seed in os.environ.get("WALK_SEEDS", "1,2,3").split(",")]
STEPS = int(os.environ.get("WALK_STEPS", "10"))

PAGES = {
    "See": "/",
    "Inside the map": "/inside",
    "Compare": "/compare",
    "Cover it up": "/cover",
    "Why it can": "/why",
    "Guess first": "/guess",
}
PHOTOS = [sample.title for sample in list_samples().values()]
CLASSES = ["tabby", "German shepherd", "koala", "rock crab", "teapot"]
NETWORKS = [find_spec(f"efficientnet-{name}").title for name in ("lite0", "lite2", "lite2-random")]
# Those that take few passes.
WAYS = [METHODS[name].title for name in ("cam", "grad-cam", "grad-cam++", "eigen-cam", "layercam")]
SLIDES = ("Home", "End", "ArrowLeft", "ArrowRight", "PageUp", "PageDown")

# What no link holds: the guesses of a visitor, because who opens it is to make their own, and how a file is chosen.
# Nor is a case compared while there is a guess on it, revealed or not; a photo of one's own is never chosen here.
LEFT_OUT = ".st-key-guess_tally, .stFileUploader"
GUESSED = "[class*=st-key-draw_guess] .frame:is(.drawn, .fixed)"
# All that is on the page in its order, into the components too: text, pictures, boxes, charts, and what fields hold.
SEEN = """() => {
  const found = [];
  const short = text => [...text].reduce((sum, sign) => (31 * sum + sign.charCodeAt(0)) | 0, 0) + ":" + text.length;
  const kinds = {
    "img": node => ["photo", node.dataset.id, node.alt, node.className, node.style.opacity, short(node.src)],
    "canvas": node => ["canvas", short(node.toDataURL())],
    "input": node => ["input", node.type, node.checked, node.value, node.disabled],
    ".frame, .box": node => [node.className, node.style.aspectRatio, node.style.inset],
    ".cell": node => [node.className, node.style.getPropertyValue("--color"), node.ariaLabel],
    "[role=img], [role=grid]": node => [node.ariaLabel],
  };
  const look = node => {
    if (node.nodeType === Node.TEXT_NODE && node.data.trim()) found.push(node.data.trim());
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches("style, script, LEFT_OUT")) return;
    if (!node.checkVisibility() && getComputedStyle(node).display !== "contents" && !node.matches("input")) return;
    for (const [kind, says] of Object.entries(kinds)) if (node.matches(kind)) found.push(says(node).join(" | "));
    (node.shadowRoot ?? node).childNodes.forEach(look);
  };
  look(document.querySelector(".stMain"));
  return found;
}""".replace("LEFT_OUT", LEFT_OUT)
# The photos of all pictures, by their digests.
PHOTO_IDS = """() => [...document.querySelectorAll(".stBidiComponent *")].map(node => node.shadowRoot).filter(Boolean)
  .flatMap(root => [...root.querySelectorAll("img[data-id]")]).map(img => img.dataset.id)"""
# Counts what listens to the window and the document, and what observes the document.
COUNT = """() => {
  const listeners = window.listeners = new Set(), observers = window.observers = new Set(), names = new Map();
  const name = (target, type, hears, options) => {
    if (!names.has(hears)) names.set(hears, names.size);
    return [target === window, type, names.get(hears), Boolean(options?.capture ?? options)].join();
  };
  const all = EventTarget.prototype, { addEventListener, removeEventListener } = all;
  all.addEventListener = function (type, hears, options) {
    addEventListener.call(this, type, hears, options);
    if ((this !== window && this !== document) || !hears || options?.once) return;
    listeners.add(name(this, type, hears, options));
    const end = () => listeners.delete(name(this, type, hears, options));
    if (options?.signal) addEventListener.call(options.signal, "abort", end);
  };
  all.removeEventListener = function (type, hears, options) {
    removeEventListener.call(this, type, hears, options);
    listeners.delete(name(this, type, hears, options));
  };
  window.MutationObserver = class extends MutationObserver {
    observe(target, options) {
      super.observe(target, options);
      if (target === document || document.documentElement.contains(target)) observers.add(this);
    }
    disconnect() {
      super.disconnect();
      observers.delete(this);
    }
  };
}"""


def seen(page) -> list[str]:
    """All that is on the page, once it does not change any more."""
    before = None
    while True:
        wait_until_idle(page)
        expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0)
        now = page.evaluate(SEEN)
        if now == before:
            return now
        before = now
        page.wait_for_timeout(100)


def opened(page, link: str) -> list[str]:
    """All that is on the page that a link opens."""
    page.goto(link)
    expect(page.locator(".stMain h1")).to_be_visible()
    return seen(page)


class Walk:
    """One who clicks at random: each step is something that the page at hand offers."""

    def __init__(self, page, seed: int):
        self.page, self._random = page, random.Random(seed)
        self.way: list[str] = []

    def step(self) -> None:
        """Do something, of which `way` tells."""
        deeds = self._deeds()
        name = self._random.choice(list(deeds))
        self.way.append(f"{self.page.url}\n  {name}: ")
        self.way[-1] += str(deeds[name]())

    def _deeds(self) -> dict[str, Callable[[], object]]:
        """What can be done here by the name of its field; a field that is switched off, or not there, is left out."""
        choices = {
            "sample": lambda: self._click_one("sample", PHOTOS),
            "row": lambda: self._click_one("row"),
            "case": lambda: self._click_one("case", [case.title for case in CASES]),
            "search": lambda: self._choose("search", CLASSES),
            "classes": lambda: self._choose("classes", [f"{count} classes" for count in COUNTS]),
            "colors": lambda: self._choose("colors", [row.title for row in COLORMAPS]),
            "fit": lambda: self._choose("fit", list(_FITS.values())),
            "network": lambda: self._choose("network", NETWORKS),
            "lesson_photo": lambda: self._choose("lesson_photo", PHOTOS),
            "lesson_class": lambda: self._choose("lesson_class", CLASSES),
            "compare_rival": lambda: self._choose("compare_rival", CLASSES),
            "second": lambda: self._choose("second", NETWORKS),
            "layer": lambda: self._choose("layer"),
            "compare_picked": lambda: self._change_tags("compare_picked", CLASSES),
            "methods": lambda: self._change_tags("methods", WAYS),
            "detail": lambda: self._toggle("detail"),
            "box": lambda: self._toggle("box"),
            "one_scale": lambda: self._toggle("one_scale"),
            "as_given": lambda: self._toggle("as_given"),
            "threshold": lambda: self._slide("threshold"),
            "opacity": lambda: self._slide("opacity"),
            "inside_maps": lambda: self._slide("inside_maps"),
            "compare": lambda: self._press("compare", list(_VIEWS)),
            "cover": lambda: self._press("cover", list(_DEEDS.values())),
            "cover_part": lambda: self._press("cover_part", list(_PARTS.values())),
            "cover_share": lambda: self._press("cover_share", list(map(str, _SHARES))),
            "cover_fill": lambda: self._press("cover_fill", [row.title for row in FILLS]),
            "guess_go": self._guess,
        }
        place = ".st-key-{0} :is(input, button):enabled, .stButton.st-key-{0} button"
        there = {key: deed for key, deed in choices.items() if self.page.locator(place.format(key)).count()}
        if self.page.locator(".inside-equation").count():
            there["inside step"] = self._step
        if self.page.locator("[class*=st-key-draw_] .frame").count():
            there["draw"] = self._draw
        there["page"] = self._go
        index, further = self.page.evaluate("[navigation.currentEntry.index, navigation.canGoForward]")
        if index:
            there["back"] = lambda: self._move(self.page.go_back)
        if further:
            there["forward"] = lambda: self._move(self.page.go_forward)
        return there

    def _click_one(self, key: str, names: list[str] | None = None) -> str:
        options = self.page.locator(f".st-key-{key} [data-testid=stRadioOption]")
        name = self._random.choice(names or [text.splitlines()[0] for text in options.all_inner_texts()])
        options.get_by_text(name, exact=True).click()
        return name

    def _choose(self, key: str, names: list[str] | None = None) -> str:
        """Choose of these options of a field, or of the first ones."""
        field, options = self.page.locator(f".st-key-{key} input"), self.page.get_by_role("option")
        if names is None:
            field.press("ArrowDown")
            expect(options.first).to_be_visible()
            names = options.all_inner_texts()[:4]
        return self._take(field, self._random.choice(names))

    def _take(self, field, name: str) -> str:
        if field.input_value() == name:
            return f"{name}, as it is"
        field.fill(name)
        first = self.page.get_by_role("option").first
        expect(first).to_be_visible()
        # The search has names with all that they are called besides; a class is not offered beside itself.
        self.page.keyboard.press("Enter" if re.match(rf"{re.escape(name)}(,|$)", first.inner_text()) else "Escape")
        # A list of which several are chosen stays open.
        self.page.keyboard.press("Escape")
        return name

    def _change_tags(self, key: str, names: list[str]) -> str:
        place = self.page.locator(f".st-key-{key}")
        tags = place.locator("[data-tag]").all_inner_texts()
        others = [name for name in names if name not in tags]
        if others and len(tags) < 3:
            return self._take(place.locator("input"), self._random.choice(others))
        name = self._random.choice(tags)
        place.get_by_role("button", name=f"Remove {name}", exact=True).click()
        return f"not {name}"

    def _toggle(self, key: str) -> str:
        self.page.locator(f".st-key-{key} label").first.click()
        return "the other way"

    def _slide(self, key: str) -> str:
        keys = self._random.choices(SLIDES, k=3)
        for name in keys:
            self.page.locator(f".st-key-{key} input").press(name)
        return " ".join(keys)

    def _press(self, key: str, names: list[str]) -> str:
        name = self._random.choice(names)
        self.page.locator(f".st-key-{key}").get_by_role("radio", name=name, exact=True).click()
        return name

    def _step(self) -> str:
        name = self._random.choice(("One fewer", "One more", "None", "All"))
        self.page.get_by_role("button", name=name, exact=True).click()
        return name

    def _guess(self) -> str:
        """Reveal what is marked, or go on."""
        box = "as before" if self.page.locator(GUESSED).count() else self._draw()
        # What comes sooner is taken for the second click of a double click.
        self.page.wait_for_timeout(1000 * _DOUBLE_CLICK_SECONDS)
        self.page.locator(".st-key-guess_go button").click()
        return box

    def _draw(self) -> str:
        frame = self.page.locator("[class*=st-key-draw_] .frame")
        frame.scroll_into_view_if_needed()
        area = frame.bounding_box()
        places = [(self._random.random(), self._random.random()) for _ in range(2)]
        for (x, y), deed in zip(places, (self.page.mouse.down, self.page.mouse.up), strict=True):
            self.page.mouse.move(area["x"] + x * area["width"], area["y"] + y * area["height"])
            deed()
        return " to ".join(f"{x:.2f}, {y:.2f}" for x, y in places)

    def _go(self) -> str:
        name = self._random.choice(list(PAGES))
        self.page.get_by_role("link", name=name, exact=True).click()
        expect(self.page).to_have_url(re.compile(rf"//[^/]*{PAGES[name]}(\?|$)"))
        return name

    def _move(self, deed: Callable[[], object]) -> str:
        before = self.page.url
        deed()
        eventually(self.page, lambda: self.page.url == before, False)
        return self.page.url


def differences(page, other) -> list[str]:
    """Wherein what is seen on a page differs from what its link opens on the other, when both have come to rest."""
    link = None
    for _ in range(10):
        here, before, link = seen(page), link, page.url
        there = seen(other) if link == before else opened(other, link)
        if here == there:
            break
    return list(difflib.unified_diff(there, here, f"by {link}", "by clicking", lineterm="", n=1))


def chosen_photo(page) -> str:
    """The digest of the photo that is chosen on a page; a case has its own, but for that which has fields to choose."""
    fields = page.locator(".st-key-lesson_photo input")
    if fields.count():
        title = fields.input_value()
    elif (case := page.locator(".st-key-case [data-selected=true] p")).count():
        title = case.first.inner_text()
        return list_samples()[next(row.sample for row in CASES if row.title == title)].photo().digest
    else:
        title = page.locator(".st-key-sample [data-selected=true] p").first.inner_text()
    return next(sample.photo().digest for sample in list_samples().values() if sample.title == title)


def chosen_class(page) -> str | None:
    """The class that is chosen on a page, where it is no case of a guess."""
    if (field := page.locator(".st-key-lesson_class input")).count():
        return field.input_value()
    row = page.locator(".st-key-row [data-selected=true] p")
    return row.first.inner_text() if row.count() else None


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_reached_by_clicking_is_what_its_link_opens(new_page, seed):
    page, other = new_page(), new_page()
    for one in (page, other):
        # A list closes when the page scrolls.
        one.set_viewport_size({"width": 1366, "height": 3000})
    opened(page, list(PAGES.values())[seed % len(PAGES)])
    walk = Walk(page, seed)
    for _ in range(STEPS):
        walk.step()
        way = "\n".join(walk.way)
        wrong = differences(page, other)
        assert not wrong or page.locator(GUESSED).count(), "\n".join([way, *wrong])
        assert set(page.evaluate(PHOTO_IDS)) == {chosen_photo(page)}, way
        heats = page.locator("img.heat")
        if (label := chosen_class(page)) and heats.count():
            assert label in heats.first.get_attribute("alt") or "cover" in page.url, way


def test_a_hundred_clicks_leave_no_more_than_twenty(new_page, server):
    """What a page listens to and observes, its nodes, and what the server remembers."""
    page = new_page()
    page.add_init_script(f"({COUNT})()")
    devtools = page.context.new_cdp_session(page)
    opened(page, "/")
    clicks = cycle(_ten_clicks(page))
    # In the second ten all that changes has changed once more: React keeps of each what it was before.
    for click in islice(clicks, 20):
        click()
    first, memory = left(page, devtools), server.memory()
    for click in islice(clicks, 80):
        click()
    assert left(page, devtools) == first
    assert server.memory() - memory < 20 * 2**20


def _ten_clicks(page) -> Iterator[Callable[[], None]]:
    """Two photos, and four classes of each."""

    def click(key: str, place: int) -> None:
        option = page.locator(f".st-key-{key} [data-testid=stRadioOption]").nth(place)
        name = option.inner_text().splitlines()[0]
        option.click()
        expect(page.locator(f"{PHOTO if key == 'sample' else HEAT} .title")).to_contain_text(name)
        wait_until_idle(page)

    for photo in (8, 12):
        yield partial(click, "sample", photo)
        yield from (partial(click, "row", place) for place in (1, 2, 3, 0))


def left(page, devtools) -> dict[str, int]:
    """How many of each there are when what nobody holds any more is gone."""
    seen(page)
    devtools.send("HeapProfiler.collectGarbage")
    own = page.evaluate("({ listeners: listeners.size, observers: observers.size })")
    return own | devtools.send("Memory.getDOMCounters")
