"""The address for others: only where there is one, each where there are several, and with what is seen."""

import html
import re
from urllib.parse import parse_qsl, urlsplit

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from support.app_page import LITE2, NAMES, class_of, file_of, open_page

from cam.app import cache
from cam.app.widgets import share_dialog
from cam.app.widgets.sample_gallery import list_samples

WIFI, CABLE = "http://192.168.1.17:8501", "http://10.0.0.4:8501"


def panel(*addresses: str, own_photo: cache.Photo | None = None, **link: str) -> AppTest:
    """What is in the dialog, which AppTest cannot keep open, of a session that a link led to."""

    def script(addresses) -> None:
        from cam.app.widgets.share_dialog import show_address

        show_address(addresses)

    at = AppTest.from_function(script, kwargs={"addresses": addresses})
    at.query_params.update(link)
    if own_photo or link:
        at.session_state.photo = own_photo or list_samples()[link["photo"]].photo()
    return at.run()


def shown(at: AppTest) -> str:
    """The address that is written under the code."""
    body = "".join(element.proto.body for element in at.get("html"))
    (text,) = re.findall("<p class=address>(.*?)</p>", body)
    return text


def test_a_server_for_this_computer_alone_shows_no_address(monkeypatch):
    monkeypatch.delenv("CAM_ADDRESS", raising=False)
    assert "show_address" not in [button.key for button in open_page().button]


def test_the_address_is_shown_when_it_is_asked_for(monkeypatch):
    monkeypatch.setenv("CAM_ADDRESS", WIFI)
    at = open_page()
    with pytest.raises(ValueError):
        shown(at)
    at.button(key="show_address").click().run()
    assert shown(at) == WIFI
    assert not at.run().exception


def test_the_code_brings_the_access_code_and_the_text_does_not(monkeypatch):
    monkeypatch.setenv("CAM_ACCESS_CODE", "apple pie")
    at = panel(WIFI)
    (page,) = (element.proto.body for element in at.get("html") if "qr-code" in element.proto.body)
    assert shown(at) == WIFI and share_dialog.make_qr_code(f"{WIFI}/enter#apple%20pie") in page
    assert any("brings the access code" in text.value for text in at.caption)
    assert "apple" not in "".join(text.value for text in at.caption)


@pytest.mark.parametrize(
    ("address", "same_network"),
    [(WIFI, True), (CABLE, True), ("https://cam.school.example", False), ("https://school.example/cam", False)],
)
def test_it_says_where_the_address_works(address, same_network):
    at = panel(address)
    assert shown(at) == address
    assert [element.value for element in at.caption] == same_network * ["It works in the same Wi-Fi as this computer."]


def test_each_of_several_addresses_can_be_shown():
    at = panel(WIFI, CABLE)
    assert shown(at) == WIFI
    at.radio(key="shared_address").set_value(CABLE).run()
    assert shown(at) == CABLE


def test_the_link_to_what_is_seen_opens_it():
    seen = {"photo": "crab", "network": LITE2, "class": "rock crab", "colors": "Viridis"}
    at = panel(WIFI, **seen)
    at.toggle(key="shared_place").set_value(True).run()
    link = urlsplit(html.unescape(shown(at)))
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{WIFI}/"
    assert dict(parse_qsl(link.query)) == seen
    opened = open_page(**dict(parse_qsl(link.query)))
    assert (class_of(opened), opened.selectbox(key="colors").value) == (NAMES.index("rock crab"), "viridis")


def test_a_photo_of_ones_own_is_in_no_link(noise_photo):
    at = panel(WIFI, own_photo=cache.make_photo(file_of(noise_photo(64, 64)), "mine"))
    assert not at.toggle
    assert shown(at) == WIFI


@pytest.mark.parametrize(
    ("url", "base", "page"),
    [
        ("", "", ""),
        ("http://localhost:8501/", "", ""),
        ("http://localhost:8501/inside", "", "inside"),
        ("https://school.example/cam/inside", "/cam", "inside"),
        ("https://school.example/cam/", "cam", ""),
    ],
)
def test_the_link_leads_to_the_same_page(monkeypatch, url, base, page):
    monkeypatch.setattr(st, "get_option", {"server.baseUrlPath": base}.get)
    assert share_dialog.find_page_path(url) == page
