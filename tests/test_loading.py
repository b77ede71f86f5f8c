"""The one thread that loads networks, when one that failed is tried again, and downloads of weights."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import streamlit as st

from cam import cached, loading
from cam.errors import ModelError
from cam.models.registry import find_spec
from cam.models.weights import KerasFile


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server that has loaded, downloaded and explained nothing, with no ResNet-50 on the machine."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(loading, "_models", {})
    monkeypatch.setattr(loading, "_downloads", {})
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def loads(monkeypatch, server):
    """(name, thread) of every load; a load gives the name where there are weights."""
    return _Loads(monkeypatch)


class _Loads(list):
    def __init__(self, monkeypatch):
        super().__init__()
        monkeypatch.setattr("cam.engine.load_model", self.load)

    def load(self, name):
        self.append((name, threading.current_thread().name))
        if find_spec(name).available:
            return name
        raise ModelError(f"no weights for {name}")


def put_weights(size: int = 10) -> None:
    path = find_spec("resnet50").source.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(bytes(size))


def test_a_network_is_loaded_once_by_the_one_thread_that_loads(loads):
    with ThreadPoolExecutor(8) as pool:
        names = ["efficientnet-lite0", "efficientnet-lite2"] * 8
        futures = list(pool.map(loading.request_model, names))
    assert [future.result() for future in futures] == names
    assert len(set(map(id, futures))) == 2
    assert sorted(name for name, _ in loads) == ["efficientnet-lite0", "efficientnet-lite2"]
    assert {thread for _, thread in loads} == {"load-network_0"}


def test_a_request_does_not_wait_for_the_network(loads, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr("cam.engine.load_model", lambda name: go.wait(30) and name)
    future = loading.request_model("efficientnet-lite0")
    assert not future.done()
    go.set()
    assert future.result(30) == "efficientnet-lite0"


def test_the_first_network_is_loaded_ahead_without_a_visitor(loads, monkeypatch):
    asked = threading.Event()
    request = loading.request_model
    monkeypatch.setattr(loading, "_PRELOAD_SECONDS", 0.01)
    monkeypatch.setattr(loading, "request_model", lambda name: (request(name), asked.set()))
    loading.preload()
    assert asked.wait(30)
    assert request("efficientnet-lite2").result() == "efficientnet-lite2"
    assert [name for name, _ in loads] == ["efficientnet-lite2"]


def test_a_network_that_failed_is_tried_again_only_with_new_weights(loads):
    first = loading.request_model("resnet50")
    assert isinstance(first.exception(30), ModelError) and loading.is_broken("resnet50")
    assert loading.request_model("resnet50") is first
    put_weights()
    second = loading.request_model("resnet50")
    assert second.result(30) == "resnet50" and not loading.is_broken("resnet50")
    put_weights(20)
    assert loading.request_model("resnet50") is second
    assert len(loads) == 2


def test_weights_that_did_not_work_are_tried_again_when_they_were_replaced(loads, monkeypatch):
    tried = []
    monkeypatch.setattr("cam.engine.load_model", lambda name: tried.append(name) or 1 / 0)
    put_weights()
    for _ in range(3):
        assert isinstance(loading.request_model("resnet50").exception(30), ZeroDivisionError)
    assert len(tried) == 1
    put_weights(20)
    assert isinstance(loading.request_model("resnet50").exception(30), ZeroDivisionError)
    assert len(tried) == 2


def test_a_network_that_was_never_asked_for_or_still_loads_is_not_broken(server):
    assert not loading.is_broken("resnet50")
    loading._models["resnet50"] = (None, Future())
    assert not loading.is_broken("resnet50")


def test_an_unknown_network_is_refused(server):
    with pytest.raises(ModelError, match="There is no network 'lenet'"):
        loading.request_model("lenet")


@pytest.fixture
def download(monkeypatch, server):
    """Two ends of a download in the place of the real one: set `go` to let it end; `calls` counts them."""

    class Ends:
        go, calls, error = threading.Event(), 0, None

    def fetch(source, progress):
        Ends.calls += 1
        progress(0.25)
        assert Ends.go.wait(30)
        if Ends.error:
            raise Ends.error
        progress(1.0)
        return source.path

    monkeypatch.setattr(KerasFile, "download", fetch)
    yield Ends
    Ends.go.set()


def test_a_download_that_runs_is_joined_and_its_share_is_seen(download):
    assert loading.find_download("resnet50") is None
    first = loading.start_download("resnet50")
    assert loading.start_download("resnet50") is first is loading.find_download("resnet50")
    assert first.share in (0.0, 0.25) and not first.end.done()
    download.go.set()
    assert first.end.result(30) == find_spec("resnet50").source.path
    assert (first.share, download.calls) == (1.0, 1)


@pytest.mark.parametrize("error", [ModelError("no network"), ZeroDivisionError("a mistake"), SystemExit(1)])
def test_a_download_that_failed_keeps_the_reason_and_the_next_one_starts_anew(download, error):
    download.error = error
    download.go.set()
    first = loading.start_download("resnet50")
    assert first.end.exception(30) is error
    download.error = None
    second = loading.start_download("resnet50")
    assert second is not first and loading.find_download("resnet50") is second
    assert second.end.exception(30) is None and download.calls == 2


def test_a_failure_that_is_told_again_and_again_keeps_nothing_of_those_who_asked(loads):
    for _ in range(3):
        with pytest.raises(ModelError, match="no weights for resnet50"):
            loading.loaded_model("resnet50")
    kept = loading.request_model("resnet50").exception().__traceback__
    frames = 0
    while kept is not None:
        assert kept.tb_frame.f_code.co_name != "loaded_model"
        kept, frames = kept.tb_next, frames + 1
    assert frames < 10


def test_a_network_is_not_broken_any_more_when_its_weights_have_come(loads):
    assert loading.request_model("resnet50").exception(30) and loading.is_broken("resnet50")
    put_weights()
    assert not loading.is_broken("resnet50")


def test_the_caches_are_emptied_when_nothing_new_comes(server, monkeypatch):
    cleared = threading.Event()
    monkeypatch.setattr(cached, "KEPT_HOURS", -0.99999 / 3600)
    monkeypatch.setattr(st.cache_resource, "clear", cleared.set)
    cached._forget_later()
    assert cleared.wait(30)
