"""A server whose settings are wrong says so, and serves nothing else."""

import time
import urllib.error
import urllib.request

import pytest
from support.page_server import running_server


def test_a_wrong_setting_is_a_sentence_in_the_terminal_and_in_the_browser(tmp_path, monkeypatch):
    monkeypatch.setattr("support.page_server._wait_until_healthy", lambda url, process, output: wait_for(url))
    with running_server(tmp_path, CAM_PHOTO_MB="many") as server, pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.url}/compare")
    assert refused.value.code == 503
    sentence = "CAM_PHOTO_MB must be a whole number of megabytes from 1 to 1,000, not "
    assert sentence in refused.value.read().decode()
    output = (tmp_path / "server.txt").read_text()
    assert f"ClassCam does not start: {sentence}'many'." in output and "Traceback" not in output


def wait_for(url: str) -> None:
    """Until the server answers at all."""
    for _ in range(1200):
        try:
            urllib.request.urlopen(url)
        except urllib.error.HTTPError:
            return
        except urllib.error.URLError:
            time.sleep(0.05)
