"""Each page of the server comes with the style in it, whatever a browser takes."""

import pytest
import requests
from support.page_server import running_server

from cam.server.page_style import style

PAGES = ("/", "/inside", "/compare", "/cover", "/why", "/guess")


@pytest.mark.parametrize("base", ["", "cam"])
def test_each_page_has_the_style(tmp_path, base):
    with running_server(tmp_path, STREAMLIT_SERVER_BASE_URL_PATH=base) as server:
        for page in PAGES:
            for coding in ("gzip, deflate, br, zstd", "identity"):
                answer = requests.get(server.url + page, headers={"Accept": "text/html", "Accept-Encoding": coding})
                assert answer.status_code == 200
                assert answer.text.count(style()) == 1, (page, coding)
