"""Whatever an address says: the page opens, raises nothing, and makes nothing of it but words."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from streamlit.testing.v1 import AppTest
from support.app_page import PAGES, file_of, new_session, open_page, picture, upload, works

from cam.app import url_state
from cam.server import model_store

# Every parameter that some page reads; that none is missing here is tested below.
PARTS = (
    "photo network class vs compare one_scale as_given second methods methods_by_gradients layer opacity colors fit "
    "detail box threshold classes case cover cover_part cover_share cover_fill cover_box inside_maps code"
).split()
MARK = "<b id=mark onclick=x>"
NONSENSE = (
    "",
    " ",
    MARK,
    "![](http://192.0.2.1/mark.png)",
    "[mark](javascript:mark)",
    "$\\mark$",
    "../../../../etc/passwd",
    "/etc/passwd",
    "file:///etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "dog_and_cat.jpg",
    "own/../../etc/passwd",
    "own/",
    "efficientnet-lite0@0123456789ab",
    "\0",
    "\n# mark",
    "\u202emark",
    "x" * 100_000,
    "-1",
    "1e999",
    "nan",
    "99999999999999999999999",
    "0x10",
    "true",
    "False",
    "None",
    "{}",
    "a,b,c",
    "__class__",
    "%s%n{0}",
)


def opened(page: str, given: dict) -> AppTest:
    """One of the pages, by a link."""
    at = new_session(page)
    at.query_params.update(given)
    at.run()
    # Something is on the page.
    assert at.markdown or at.exception
    return at


def harmless(at: AppTest) -> bool:
    """Nothing raised, and no sign of the link that a browser would take for more than words."""
    bodies = [getattr(element.proto, "body", "") for element in at._tree if getattr(element, "proto", None) is not None]
    html = [element.proto.body for element in at.get("html")]
    signs = re.compile(r"(?<!\\)!\[|(?<!\\)\]\(javascript|(?<!\\)\$\\mark|^\s*# mark", re.M)
    short = not any("x" * 1000 in body for body in bodies)
    return not at.exception and MARK not in "".join(html) and not any(map(signs.search, bodies)) and short


@settings(max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(list(PAGES)),
    st.dictionaries(
        st.sampled_from(PARTS),
        st.one_of(st.sampled_from(NONSENSE), st.lists(st.sampled_from(NONSENSE), max_size=4), st.text(max_size=30)),
        min_size=1,
        max_size=6,
    ),
)
def test_any_page_by_any_link(module, link):
    assert harmless(opened(module, link))


@pytest.mark.parametrize("value", NONSENSE)
def test_the_first_page_with_the_same_nonsense_everywhere(value):
    at = open_page(**dict.fromkeys(PARTS, value))
    assert works(at) and harmless(at)


def bound_parts() -> set[str]:
    """The keys of all widgets that bind themselves to the link, as the source has them."""
    found = set()
    folder = Path(url_state.__file__).parent
    for path in folder.rglob("*.py"):
        module = importlib.import_module(".".join(("cam.app", *path.relative_to(folder).with_suffix("").parts)))
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            given = {word.arg: word.value for word in call.keywords} if isinstance(call, ast.Call) else {}
            if "bind" in given and "key" in given:
                for part in ast.walk(given["key"]):
                    name = getattr(part, "value", None) or getattr(module, getattr(part, "id", ""), None)
                    found |= {name} if isinstance(name, str) else set()
    return found


def test_every_part_of_a_link_is_tried_here():
    bound = bound_parts()
    assert {"opacity", "methods", "methods_by_gradients", "case", "inside_maps"} <= bound
    assert bound <= set(PARTS)


def test_what_is_too_long_is_cut_before_it_is_looked_up(monkeypatch):
    seen, find_spec = [], model_store.find_spec
    monkeypatch.setattr(model_store, "find_spec", lambda name: seen.append(name) or find_spec(name))
    at = open_page(network="x" * 10**5)
    assert max(map(len, seen)) == 200 and harmless(at)


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x.jpg", "/etc/passwd.jpg", MARK + ".jpg", "![](http://x/m).jpg",
                                  "C:\\con.jpg", "x" * 5000 + ".jpg", ".jpg", "~/x.jpg", "\n# mark.jpg"])  # fmt: skip
def test_the_name_of_an_upload_is_no_path_and_no_more_than_words(name, monkeypatch):
    """It is the title of the photo, which the browser is given as text."""
    paths, real = [], open
    monkeypatch.setattr("builtins.open", lambda path, *rest, **more: paths.append(path) or real(path, *rest, **more))
    at = upload(open_page(), file_of(Image.new("RGB", (64, 48), "red")), name)
    assert works(at) and harmless(at)
    assert picture(at, "photo")["title"] == name
    assert not [path for path in paths if name[:20] in str(path)]
    assert name not in str(dict(at.query_params))
