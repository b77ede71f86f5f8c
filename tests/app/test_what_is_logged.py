"""What visitors ask for is logged line by line; what their photos are and show is not."""

import io
import json
import logging

import pytest
from PIL import ExifTags
from streamlit.testing.v1 import AppTest
from support.app_page import DOG, NAMES, file_of, gallery, open_page, passes, run_with_open, upload

from cam.app import cache
from cam.server import telemetry

NAME, ARTIST = "my secret holiday.jpg", "Ada Secret"


@pytest.fixture
def lines(monkeypatch):
    """A function that gives what the JSON log has had since the last call, as text."""
    before = list(telemetry._logger.handlers)
    for logger in (telemetry._logger, telemetry._events):
        monkeypatch.setattr(logger, "propagate", logger.propagate)
    telemetry.start_log("json")
    handler = next(handler for handler in telemetry._logger.handlers if handler not in before)
    handler.setStream(stream := io.StringIO())

    def take() -> list[str]:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return text.splitlines()

    yield take
    telemetry._logger.handlers[:] = before
    telemetry._logger.setLevel(logging.NOTSET)


def told(lines: list[str]) -> list[tuple[str, str]]:
    """(what was asked, how it ended) of each line."""
    return [(row["asked"], row["outcome"]) for row in map(json.loads, lines)]


@pytest.fixture(scope="module")
def secret(noise_photo) -> bytes:
    image = noise_photo(320, 240, 41)
    image.getexif()[ExifTags.Base.Artist] = ARTIST
    return file_of(image, exif=image.getexif())


def test_each_answer_is_a_line_and_each_piece_of_work_is_one_once(lines, fresh, secret):
    at = open_page()
    assert told(lines()) == [("decode", "done"), ("explain", "done"), ("open", "done")]
    for step, expected in (
        (lambda: at.run(), ["view"]),
        (lambda: at.selectbox(key="search").set_value(DOG).run(), ["class"]),
        (lambda: at.selectbox(key="fit").set_value("squash").run(), ["explain", "view"]),
        (lambda: gallery(at).set_value("crab").run(), ["decode", "explain", "photo"]),
        (lambda: at.selectbox(key="network").set_value("efficientnet-lite0").run(), ["explain", "network"]),
    ):
        step()
        assert told(lines()) == [(what, "done") for what in expected]


def test_the_numbers_are_those_of_the_photo(lines, fresh, secret):
    at = open_page()
    lines()
    passed = passes()
    upload(at, secret)
    decode, explain, answer = map(json.loads, lines())
    assert (decode["bytes"], decode["width"], decode["height"]) == (len(secret), 320, 240)
    assert (explain["network"], explain["fit"], explain["bytes"]) == ("efficientnet-lite2", "whole", len(secret))
    assert (answer["asked"], answer["page"]) == ("photo", "see")
    assert answer["ms"] >= explain["ms"] > 0
    assert passes() == passed + 1


def test_nothing_that_tells_what_a_photo_is_or_shows_is_in_the_log(lines, fresh, secret):
    at = upload(open_page(), secret, NAME)
    at.selectbox(key="search").set_value(DOG).run()
    run_with_open(at, "Save")
    upload(at, b"not a photo", NAME)
    written = "\n".join(lines())
    assert '"refused"' in written and str(len(secret)) in written
    digest = cache.make_photo(secret, NAME).digest
    seen = [NAMES[DOG], *(NAMES[row] for row in at.radio(key="row").options if isinstance(row, int))]
    for hint in (NAME, "secret", "Secret", "holiday", digest, digest[:8], *seen, "data:image"):
        assert hint not in written


def test_a_refusal_and_a_mistake_are_lines_too(lines, fresh, monkeypatch):
    at = open_page()
    lines()
    upload(at, b"not a photo")
    assert told(lines()) == [("decode", "refused"), ("view", "done")]
    monkeypatch.setattr("cam.app.pages.see.show_heat", lambda *_: 1 / 0)
    at.run()
    (line,) = map(json.loads, lines())
    assert (line["asked"], line["outcome"], line["error"], line["level"]) == (
        "view",
        "failed",
        "ZeroDivisionError",
        "error",
    )


def test_another_page_is_a_page_before_it_is_anything_else(lines):
    def script() -> None:
        import streamlit as st

        from cam.server.telemetry import track_run

        with track_run(st.query_params["page"]):
            if st.query_params["page"] == "why":
                st.stop()

    at = AppTest.from_function(script)
    for page, chosen in (("", 1), ("inside", 2), ("inside", 3), ("why", 3)):
        at.query_params["page"] = page
        at.session_state.chosen = chosen
        at.run()
    rows = [(row["asked"], row["page"], row["outcome"]) for row in map(json.loads, lines())]
    assert rows == [
        ("open", "see", "done"),
        ("page", "inside", "done"),
        ("class", "inside", "done"),
        ("page", "why", "stopped"),
    ]
