import threading

import pytest

from cam.errors import ImageError
from cam.server.telemetry import asked, listen, running


@pytest.fixture
def told():
    """What was told while the test ran."""
    found = []
    stop = listen(found.append)
    yield found
    stop()


def test_what_was_asked_is_told_with_its_time_and_what_was_found_out_meanwhile(told):
    with asked("explain", network="tiny") as about:
        about["width"] = 320
        assert told == []
    (line,) = told
    assert 0 <= line.pop("ms") < 10_000
    assert line == {"asked": "explain", "network": "tiny", "width": 320, "outcome": "done"}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ImageError("secret.jpg is no photo"), {"outcome": "refused", "error": "ImageError"}),
        (ZeroDivisionError("in secret.jpg"), {"outcome": "failed", "error": "ZeroDivisionError"}),
        (KeyboardInterrupt("secret.jpg"), {"outcome": "stopped"}),
    ],
)
def test_how_it_ended_is_told_without_the_text_of_the_error_which_passes(told, error, outcome):
    with pytest.raises(type(error)) as raised:
        with asked("decode"):
            raise error
    assert raised.value is error
    (line,) = told
    del line["ms"]
    assert line == {"asked": "decode", **outcome}


def test_what_is_refused_without_an_error_can_say_so(told):
    with asked("access") as about:
        about["outcome"] = "refused"
    assert (told[0]["asked"], told[0]["outcome"]) == ("access", "refused")


def test_what_is_being_done_is_counted_until_it_ends_however_it_ends():
    inside, leave = threading.Event(), threading.Event()

    def work():
        with asked("explain"):
            inside.set()
            assert leave.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(30)
    with pytest.raises(ImageError), asked("explain"):
        assert (running("explain"), running("decode")) == (2, 0)
        raise ImageError("no")
    assert running("explain") == 1
    leave.set()
    thread.join()
    assert running("explain") == 0


def test_who_stopped_listening_is_told_nothing():
    found = []
    stop = listen(found.append)
    stop()
    with asked("view"):
        pass
    assert found == []
