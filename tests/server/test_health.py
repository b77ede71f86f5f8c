"""The health page and the counters: numbers that can be checked by hand."""

from concurrent.futures import Future

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cam.errors import ModelError
from cam.server import model_store
from cam.server.app import operator_routes, start_server
from cam.server.counters import Counters
from cam.server.health import health
from cam.server.telemetry import asked


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
def counters():
    counters = Counters()
    yield counters
    counters.stop()


def values(counters: Counters) -> dict[tuple, float]:
    """(name, values of the labels ...) -> value of everything that is counted."""
    families = text_string_to_metric_families(counters.text().decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_the_health_page_says_how_the_networks_are(networks):
    well, about = health()
    assert well and about["status"] == "ok"
    assert about["networks"] == [
        {"name": "tiny", "state": "loaded", "passes": 2},
        {"name": "resnet50", "state": "loading", "passes": 0},
        {"name": "own/broken", "state": "failed", "passes": 0},
    ]
    assert about["waiting_or_explaining"] == 0
    with asked("explain"), asked("explain"), asked("decode"):
        assert health()[1]["waiting_or_explaining"] == 2


def test_the_versions_are_those_that_are_imported():
    import keras
    import streamlit

    found = health()[1]["versions"]
    assert (found["streamlit"], found["keras"]) == (streamlit.__version__, keras.__version__)
    assert len({"tensorflow", "tensorflow-cpu"} & set(found)) == 1


def test_a_server_is_not_well_where_no_network_can_be_loaded(networks, monkeypatch):
    monkeypatch.setattr(model_store, "_models", {"own/broken": ((), networks["own/broken"])})
    well, about = health()
    assert not well and about["status"] == "no network can be loaded"
    monkeypatch.setattr(model_store, "_models", {})
    assert health()[0]


def test_what_was_asked_is_counted_by_outcome_and_timed(counters):
    for _ in range(3):
        with asked("explain", network="tiny"):
            pass
    with pytest.raises(ModelError), asked("explain"):
        raise ModelError("no")
    counters._count({"asked": "decode", "ms": 120.0, "outcome": "done"})
    found = values(counters)
    assert found["classcam_asked_total", "explain", "done"] == 3
    assert found["classcam_asked_total", "explain", "refused"] == 1
    assert found["classcam_seconds_count", "explain"] == 4
    assert found["classcam_seconds_sum", "decode"] == pytest.approx(0.12)
    assert [found["classcam_seconds_bucket", "decode", most] for most in ("0.1", "0.15", "+Inf")] == [0, 1, 1]


def test_networks_passes_and_what_waits_are_looked_up(counters, networks):
    with asked("explain"):
        found = values(counters)
    assert [found["classcam_networks", state] for state in ("loaded", "loading", "failed")] == [1, 1, 1]
    assert found["classcam_passes_total", "tiny"] == 2
    assert found["classcam_explaining",] == 1
    assert values(counters)["classcam_explaining",] == 0
    assert found["classcam_memory_bytes", "server"] > 2**25


@pytest.mark.parametrize("base", ["", "cam", "/cam/"])
def test_the_operators_pages_are_there_only_where_they_were_asked_for(monkeypatch, base):
    monkeypatch.setattr("cam.server.base_path.st.get_option", {"server.baseUrlPath": base}.get)
    monkeypatch.delenv("CAM_METRICS", raising=False)
    assert operator_routes() == []
    monkeypatch.setenv("CAM_METRICS", "yes")
    prefix = base and "/cam"
    assert [route.path for route in operator_routes()] == [f"{prefix}/healthz", f"{prefix}/metrics"]


def test_a_wrong_setting_is_said_by_the_page_and_does_not_keep_the_server_from_starting(monkeypatch):
    monkeypatch.setenv("CAM_METRICS", "perhaps")
    start_server()
    assert operator_routes() == []


def test_a_server_that_is_not_well_says_so_by_its_status(monkeypatch, networks):
    monkeypatch.setenv("CAM_METRICS", "yes")
    page = operator_routes()[0].endpoint
    assert page(None).status_code == 200
    monkeypatch.setattr(model_store, "_models", {"own/broken": ((), networks["own/broken"])})
    assert page(None).status_code == 503
