"""No byte can be written anywhere: the disk is full or read-only, and there is no home. The page needs neither."""

import hashlib
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.event_loop import run_apart
from support.tab import choose, heat, of_photo

from benchmarks.load_client import Client
from benchmarks.load_server import running_server


@pytest.fixture(scope="module")
def photo() -> bytes:
    """Of more than a megabyte, which is where uploads often go through a file."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (900, 1200, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.skipif(not shutil.which("prlimit"), reason="needs prlimit, of util-linux")
def test_the_page_works_where_nothing_can_be_written(photo):
    digest = hashlib.sha256(photo).hexdigest()

    async def visit(url: str) -> None:
        async with Client(url) as tab:
            await tab.open()
            assert not tab.page.problems()
            await tab.upload("mine.png", photo, of_photo(digest))
            await choose(tab, 1)
            await tab.go("compare")
            await tab.go("")
            assert not tab.page.problems() and heat(tab.page)["id"] == digest
            # What has to be written fails with a sentence, and the page goes on.
            await tab.change("network", "string_value", "ResNet-50", lambda page: True)
            tab.value("download").trigger_value = True
            await tab.rerun(lambda page: any("cannot be" in problem for problem in page.problems()))

    # Files of no byte at most: every write fails, as the superuser's would not on a read-only folder.
    prefix = ("prlimit", "--fsize=0", "--")
    about = {"HOME": "/nonexistent/home", "KERAS_HOME": "/nonexistent/keras", "XDG_CACHE_HOME": "/nonexistent/cache"}
    with running_server(Path("/dev/null"), app="tests/support/served_app.py", prefix=prefix, **about) as server:
        run_apart(visit(server.url))
