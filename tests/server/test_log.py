import datetime
import json
import logging
import re

import pytest

from cam.server import log
from cam.server import telemetry as asked_module
from cam.server.telemetry import asked


@pytest.fixture(autouse=True)
def no_log(monkeypatch):
    """The log and its listener are put back after each test."""
    monkeypatch.setattr(asked_module, "_listeners", [])
    before = list(log._logger.handlers)
    yield
    log._logger.handlers[:] = before


def lines(capsys) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_json_is_one_object_a_line(capsys):
    log.start_log("json")
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    with asked("explain", network="own/ü\n{"):
        pass
    with pytest.raises(ZeroDivisionError), asked("view"):
        raise ZeroDivisionError("secret")
    first, second = map(json.loads, lines(capsys))
    when = datetime.datetime.fromisoformat(first.pop("time"))
    assert before <= when <= datetime.datetime.now(datetime.UTC)
    assert isinstance(first.pop("ms"), float)
    assert first == {"level": "info", "asked": "explain", "network": "own/ü\n{", "outcome": "done"}
    assert (second["level"], second["outcome"], second["error"]) == ("error", "failed", "ZeroDivisionError")
    assert "secret" not in str(second)


def test_text_is_for_reading_along(capsys):
    log.start_log("text")
    with asked("explain", network="tiny", detail=False):
        pass
    with asked("view"):
        pass
    first, second = lines(capsys)
    assert re.fullmatch(r"\d\d:\d\d:\d\d explain done \d+\.\d ms, network=tiny detail=False", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d view done \d+\.\d ms", second)


def test_off_is_nothing(capsys):
    log.start_log("off")
    with asked("explain"):
        pass
    assert lines(capsys) == []


def test_the_log_is_not_written_twice_where_the_root_logger_writes_too(capsys):
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        log.start_log("json")
        with asked("view"):
            pass
        assert len(lines(capsys)) == 1
    finally:
        logging.getLogger().removeHandler(handler)


def test_a_warning_is_a_line_too_in_either_form(capsys):
    log.start_log("json")
    logging.getLogger("cam.backends.load").warning("%s is not run by %s", "Tiny\nnet", "OpenVINO")
    (line,) = map(json.loads, lines(capsys))
    assert line.pop("time") and line == {"level": "warning", "message": "Tiny\nnet is not run by OpenVINO"}
    log._logger.handlers.pop()
    log.start_log("text")
    logging.getLogger("cam.backends.load").warning("it is made again")
    (line,) = lines(capsys)
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning: it is made again", line)
