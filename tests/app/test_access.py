"""The page itself is closed without the access code, wherever the guards before it are missing."""

import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy
from support.app_page import everything_sent, open_page, works
from support.asgi_parts import ask, behind

from cam.images.formats import ENDINGS
from cam.server.access import Gate

CODE = "blue rhinoceros"


@pytest.fixture
def cookies(monkeypatch) -> dict[str, str]:
    """What the browser sends."""
    sent = {}
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda self: sent))
    return sent


def cookies_of(code: str) -> dict[str, str]:
    """What a browser has after a visitor gave a code, right or wrong."""
    return ask(Gate(behind, code=CODE, open_paths=frozenset()), method="POST", body=f"code={code}".encode()).cookies


def closed(at, sentence: str) -> bool:
    """Nothing but the sentence was sent to the browser."""
    sent = everything_sent(at)
    # The first is the page itself.
    alone = list(at.main)[1:] == list(at.error) and "data:image" not in sent and CODE not in sent
    return alone and not at.exception and [error.value for error in at.error] == [sentence]


def test_without_the_code_nothing_is_drawn_whatever_the_link(cookies, monkeypatch):
    monkeypatch.setenv("CAM_ACCESS_CODE", CODE)
    sentence = "This page needs the access code. Load it again, and it asks for it."
    assert closed(open_page(), sentence)
    assert closed(open_page(photo="crab", code=CODE, classcam=CODE), sentence)
    cookies |= cookies_of("red rhinoceros")
    assert cookies
    assert closed(open_page(), sentence)


def test_with_it_the_page_is_there(cookies, monkeypatch):
    monkeypatch.setenv("CAM_ACCESS_CODE", CODE)
    cookies |= cookies_of(CODE)
    at = open_page()
    assert works(at) and CODE not in everything_sent(at)


def test_a_wrong_setting_is_a_sentence_on_the_page(monkeypatch):
    monkeypatch.setenv("CAM_ACCESS_CODE", "short")
    at = open_page()
    assert len(at.error) == 1 and at.error[0].value.startswith("CAM_ACCESS_CODE must have 6 to 200 letters")
    assert "short" not in at.error[0].value and not at.get("bidi_component")


def test_visitors_can_be_kept_from_downloading(monkeypatch):
    assert [button.label for button in open_page(network="vgg16").button if button.key == "download"]
    monkeypatch.setenv("CAM_DOWNLOADS", "no")
    at = open_page(network="vgg16")
    assert works(at) and not [button for button in at.button if button.key == "download"]
    assert "whoever runs this page can add them" in at.selectbox(key="network").help


def test_the_smaller_limit_of_a_photo_is_said(monkeypatch):
    uploader = open_page().file_uploader[0]
    assert "up to 50 MB" in uploader.help
    assert set(uploader.proto.type) == set(ENDINGS)
    monkeypatch.setenv("CAM_PHOTO_MB", "20")
    assert "up to 20 MB" in open_page().file_uploader[0].help
    monkeypatch.setattr(st, "get_option", lambda name: {"server.maxUploadSize": 7}[name])
    assert "up to 7 MB" in open_page().file_uploader[0].help
