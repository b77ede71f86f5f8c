"""Who waits for the photos of others is told the place in the line, and nobody sees it afterwards."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.app_page import file_of, open_page, passes, picture, upload, works

from cam import sandbox
from cam.app import queue_message
from cam.backends import keras, turns
from cam.settings import read_settings


@pytest.fixture
def said(monkeypatch):
    """The sentences that were said, and an event that is set by the first."""
    sentences, event, say = [], threading.Event(), queue_message.sentence

    def recorded(number: int) -> str:
        sentences.append(say(number))
        event.set()
        return sentences[-1]

    monkeypatch.setattr(queue_message, "sentence", recorded)
    monkeypatch.setattr(turns, "PATIENCE", 0.0)
    return sentences, event


def shown(at) -> list[str]:
    return [text.value for text in at.markdown if text.value.startswith("Waiting for others")]


def test_who_waits_is_told_and_the_sentence_goes_when_the_turn_comes(said, noise_photo):
    sentences, event = said
    data = file_of(noise_photo(300, 200, 41))
    at = open_page()
    passed = passes()
    with ThreadPoolExecutor(1) as pool:
        with keras._SLOTS:
            future = pool.submit(upload, at, data)
            assert event.wait(30)
            assert passes() == passed
        future.result(60)
    assert sentences == ["Waiting for others: your photo is next."]
    assert passes() == passed + 1
    assert works(at) and shown(at) == []


def test_who_waits_for_a_photo_to_be_decoded_is_told_too(said, noise_photo):
    sentences, event = said
    data = file_of(noise_photo(300, 200, 43))
    at = open_page()
    decodes, _ = sandbox._lines(read_settings().decodes)
    with ThreadPoolExecutor(1) as pool:
        with contextlib.ExitStack() as stack:
            for _ in range(decodes.free):
                stack.enter_context(decodes)
            future = pool.submit(upload, at, data)
            assert event.wait(30)
        future.result(60)
    assert sentences == ["Waiting for others: your photo is next."] and works(at) and shown(at) == []


def test_what_was_said_to_one_is_not_kept_for_who_brings_the_same_photo(said, noise_photo):
    sentences, event = said
    data = file_of(noise_photo(300, 200, 42))
    first, second = open_page(), open_page()
    with ThreadPoolExecutor(1) as pool:
        with keras._SLOTS:
            future = pool.submit(upload, first, data)
            assert event.wait(30)
        future.result(60)
    upload(second, data)
    assert works(second) and shown(second) == [] and len(sentences) == 1
    assert picture(second, "heat") == picture(first, "heat")


@pytest.mark.parametrize(("number", "text"), [(1, "your photo is next"), (2, "your photo is number 2 in line")])
def test_the_sentence(number, text):
    assert queue_message.sentence(number) == f"Waiting for others: {text}."
