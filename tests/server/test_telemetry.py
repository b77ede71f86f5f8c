"""Events, the log, the health page and the counters: numbers that can be checked by hand."""

import datetime
import json
import logging
import re
import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cam.errors import ImageError, ModelError
from cam.server import model_store, telemetry
from cam.server.telemetry import count_running, read_health, start_log, track


@pytest.fixture
def events(monkeypatch) -> list:
    """The events that are published while the test runs."""
    found = []
    monkeypatch.setattr(telemetry, "publish", found.append)
    return found


@pytest.fixture
def log(monkeypatch):
    """The log, put back after the test."""
    before = list(telemetry._logger.handlers)
    for name in ("propagate", "level"):
        monkeypatch.setattr(telemetry._logger, name, getattr(telemetry._logger, name))
    monkeypatch.setattr(telemetry._events, "propagate", False)
    yield
    telemetry._logger.handlers[:] = before
    telemetry._logger.setLevel(logging.NOTSET)


def lines(capsys) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_an_event_has_its_time_and_what_was_found_out_meanwhile(events):
    with track("explain", network="tiny") as event:
        event["width"] = 320
        assert events == []
    (line,) = events
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
def test_how_it_ended_is_published_without_the_text_of_the_error_which_passes(events, error, outcome):
    with pytest.raises(type(error)) as raised, track("decode"):
        raise error
    assert raised.value is error
    (line,) = events
    del line["ms"]
    assert line == {"asked": "decode", **outcome}


def test_what_is_refused_without_an_error_can_say_so(events):
    with track("access") as event:
        event["outcome"] = "refused"
    assert (events[0]["asked"], events[0]["outcome"]) == ("access", "refused")


def test_what_runs_is_counted_until_it_ends_however_it_ends():
    inside, leave = threading.Event(), threading.Event()

    def work():
        with track("explain"):
            inside.set()
            assert leave.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(30)
    with pytest.raises(ImageError), track("explain"):
        assert (count_running("explain"), count_running("decode")) == (2, 0)
        raise ImageError("no")
    assert count_running("explain") == 1
    leave.set()
    thread.join()
    assert count_running("explain") == 0


def test_json_is_one_object_a_line(log, capsys):
    start_log("json")
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    with track("explain", network="own/ü\n{"):
        pass
    with pytest.raises(ZeroDivisionError), track("view"):
        raise ZeroDivisionError("secret")
    first, second = map(json.loads, lines(capsys))
    when = datetime.datetime.fromisoformat(first.pop("time"))
    assert before <= when <= datetime.datetime.now(datetime.UTC)
    assert isinstance(first.pop("ms"), float)
    assert first == {"level": "info", "asked": "explain", "network": "own/ü\n{", "outcome": "done"}
    assert (second["level"], second["outcome"], second["error"]) == ("error", "failed", "ZeroDivisionError")
    assert "secret" not in str(second)


def test_text_is_for_reading_along(log, capsys):
    start_log("text")
    with track("explain", network="tiny", detail=False):
        pass
    with track("view"):
        pass
    first, second = lines(capsys)
    assert re.fullmatch(r"\d\d:\d\d:\d\d explain done \d+\.\d ms, network=tiny detail=False", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d view done \d+\.\d ms", second)


def test_off_is_nothing_but_warnings():
    """In a process of its own, because pytest listens to the log."""
    code = """
import logging
from cam.server.telemetry import start_log, track
start_log("off")
try:
    with track("explain"):
        1 / 0
except ZeroDivisionError:
    logging.getLogger("cam.model").warning("it is made again")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "it is made again\n")


def test_the_log_is_not_written_twice_where_the_root_logger_writes_too(log, capsys):
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        start_log("json")
        with track("view"):
            pass
        assert len(lines(capsys)) == 1
    finally:
        logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_warning_is_a_line_too(log, capsys, form):
    start_log(form)
    logging.getLogger("cam.model").warning("%s is not run by %s", "Tiny\nnet", "OpenVINO")
    text = capsys.readouterr().err
    if form == "json":
        line = json.loads(text)
        assert line.pop("time") and line == {"level": "warning", "message": "Tiny\nnet is not run by OpenVINO"}
    else:
        assert re.fullmatch(r"\d\d:\d\d:\d\d warning: Tiny\nnet is not run by OpenVINO\n", text)


@pytest.fixture
def networks(monkeypatch, make_tiny):
    """Networks that were asked for: one loaded, which has run two passes, one loading, one failed."""
    loaded, waiting, failed = Future(), Future(), Future()
    model = make_tiny()
    model.backend.passes = 2
    loaded.set_result(model)
    failed.set_exception(ModelError("damaged"))
    rows = {"tiny": loaded, "resnet50": waiting, "own/broken": failed}
    monkeypatch.setattr(model_store, "_models", {name: ((), future) for name, future in rows.items()})
    return rows


@pytest.fixture
def counters(monkeypatch):
    monkeypatch.setattr(telemetry, "_counters", None)
    return telemetry.start_counters()


def values(counters) -> dict[tuple, float]:
    """(name, values of the labels ...) -> value of everything that is counted."""
    families = text_string_to_metric_families(generate_latest(counters.registry).decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_the_health_page_says_how_the_networks_are(networks):
    well, about = read_health()
    assert well and about["status"] == "ok"
    assert about["networks"] == [
        {"name": "tiny", "state": "loaded", "passes": 2},
        {"name": "resnet50", "state": "loading", "passes": 0},
        {"name": "own/broken", "state": "failed", "passes": 0},
    ]
    assert about["waiting_or_explaining"] == 0
    with track("explain"), track("explain"), track("decode"):
        assert read_health()[1]["waiting_or_explaining"] == 2


def test_the_versions_are_those_that_are_imported():
    import keras
    import streamlit

    found = read_health()[1]["versions"]
    assert (found["streamlit"], found["keras"]) == (streamlit.__version__, keras.__version__)
    assert len({"tensorflow", "tensorflow-cpu"} & set(found)) == 1


def test_a_server_is_not_well_where_no_network_can_be_loaded(networks, monkeypatch):
    monkeypatch.setattr(model_store, "_models", {"own/broken": ((), networks["own/broken"])})
    well, about = read_health()
    assert not well and about["status"] == "no network can be loaded"
    monkeypatch.setattr(model_store, "_models", {})
    assert read_health()[0]


def test_events_are_counted_by_outcome_and_timed(counters):
    for _ in range(3):
        with track("explain", network="tiny"):
            pass
    with pytest.raises(ModelError), track("explain"):
        raise ModelError("no")
    telemetry.publish({"asked": "decode", "ms": 120.0, "outcome": "done"})
    found = values(counters)
    assert found["classcam_asked_total", "explain", "done"] == 3
    assert found["classcam_asked_total", "explain", "refused"] == 1
    assert found["classcam_seconds_count", "explain"] == 4
    assert found["classcam_seconds_sum", "decode"] == pytest.approx(0.12)
    assert [found["classcam_seconds_bucket", "decode", most] for most in ("0.1", "0.15", "+Inf")] == [0, 1, 1]


def test_networks_passes_and_what_waits_are_looked_up(counters, networks):
    with track("explain"):
        found = values(counters)
    assert [found["classcam_networks", state] for state in ("loaded", "loading", "failed")] == [1, 1, 1]
    assert found["classcam_passes_total", "tiny"] == 2
    assert found["classcam_explaining",] == 1
    assert values(counters)["classcam_explaining",] == 0
    assert found["classcam_memory_bytes", "server"] > 2**25
