"""The one thread that loads networks, when one that failed is tried again, and downloads of weights."""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
import streamlit as st

from cam.app import cache
from cam.errors import ModelError
from cam.models.weights import KerasFile
from cam.server import model_store
from cam.server.model_store import find_spec


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server that has loaded, downloaded and explained nothing, with no ResNet-50 on the machine."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(model_store, "_models", {})
    monkeypatch.setattr(model_store, "_downloads", {})
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
        monkeypatch.setattr("cam.model.load_model", self.load)

    def load(self, name, options):
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
        futures = list(pool.map(model_store.request_model, names))
    assert [future.result() for future in futures] == names
    assert len(set(map(id, futures))) == 2
    assert sorted(name for name, _ in loads) == ["efficientnet-lite0", "efficientnet-lite2"]
    assert {thread for _, thread in loads} == {"load-network_0"}


def test_a_request_does_not_wait_for_the_network(loads, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr("cam.model.load_model", lambda name, options: go.wait(30) and name)
    future = model_store.request_model("efficientnet-lite0")
    assert not future.done()
    go.set()
    assert future.result(30) == "efficientnet-lite0"


@pytest.mark.parametrize("by_openvino", [True, False])
def test_the_first_network_is_loaded_ahead_without_a_visitor(loads, monkeypatch, by_openvino):
    asked, waited, request = [], [], model_store.request_model
    # TensorFlow's import would hold up the first page; OpenVINO's does not.
    monkeypatch.setattr("cam.server.model_store.has_openvino", lambda: by_openvino)
    monkeypatch.setattr(model_store.time, "sleep", waited.append)
    monkeypatch.setattr(model_store, "request_model", lambda name: (request(name), asked.append(name)))
    before = []
    model_store.preload(lambda: before.append(list(asked)))
    assert before == [[]] and len(asked) == 1 and len(waited) == (not by_openvino)
    assert request("efficientnet-lite2").result() == "efficientnet-lite2"
    assert [name for name, _ in loads] == ["efficientnet-lite2"]


def test_a_network_that_failed_is_tried_again_only_with_new_weights(loads):
    first = model_store.request_model("resnet50")
    assert isinstance(first.exception(30), ModelError) and model_store.is_broken("resnet50")
    assert model_store.request_model("resnet50") is first
    put_weights()
    second = model_store.request_model("resnet50")
    assert second.result(30) == "resnet50" and not model_store.is_broken("resnet50")
    put_weights(20)
    assert model_store.request_model("resnet50") is second
    assert len(loads) == 2


def test_weights_that_did_not_work_are_tried_again_when_they_were_replaced(loads, monkeypatch):
    tried = []
    monkeypatch.setattr("cam.model.load_model", lambda name, options: tried.append(name) or 1 / 0)
    put_weights()
    for _ in range(3):
        assert isinstance(model_store.request_model("resnet50").exception(30), ZeroDivisionError)
    assert len(tried) == 1
    put_weights(20)
    assert isinstance(model_store.request_model("resnet50").exception(30), ZeroDivisionError)
    assert len(tried) == 2


def test_a_network_that_was_never_asked_for_or_still_loads_is_not_broken(server):
    assert not model_store.is_broken("resnet50")
    model_store._models["resnet50"] = ((), Future())
    assert not model_store.is_broken("resnet50")


def test_an_unknown_network_is_refused(server):
    with pytest.raises(ModelError, match="There is no network 'lenet'"):
        model_store.request_model("lenet")


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
    assert model_store.find_download("resnet50") is None
    first = model_store.start_download("resnet50")
    assert model_store.start_download("resnet50") is first is model_store.find_download("resnet50")
    assert first.share in (0.0, 0.25) and not first.end.done()
    download.go.set()
    assert first.end.result(30) == find_spec("resnet50").source.path
    assert (first.share, download.calls) == (1.0, 1)


@pytest.mark.parametrize("error", [ModelError("no network"), ZeroDivisionError("a mistake"), SystemExit(1)])
def test_a_download_that_failed_keeps_the_reason_and_the_next_one_starts_anew(download, error):
    download.error = error
    download.go.set()
    first = model_store.start_download("resnet50")
    assert first.end.exception(30) is error
    download.error = None
    second = model_store.start_download("resnet50")
    assert second is not first and model_store.find_download("resnet50") is second
    assert second.end.exception(30) is None and download.calls == 2


def test_a_failure_that_is_told_again_and_again_keeps_nothing_of_those_who_asked(loads):
    for _ in range(3):
        with pytest.raises(ModelError, match="no weights for resnet50"):
            model_store.loaded_model("resnet50")
    kept = model_store.request_model("resnet50").exception().__traceback__
    frames = 0
    while kept is not None:
        assert kept.tb_frame.f_code.co_name != "loaded_model"
        kept, frames = kept.tb_next, frames + 1
    assert frames < 10


def test_a_network_is_not_broken_any_more_when_its_weights_have_come(loads):
    assert model_store.request_model("resnet50").exception(30) and model_store.is_broken("resnet50")
    put_weights()
    assert not model_store.is_broken("resnet50")


def test_the_caches_are_emptied_when_nothing_new_comes(server, monkeypatch):
    cleared = threading.Event()
    monkeypatch.setattr(cache, "KEPT_SECONDS", -0.99999)
    monkeypatch.setattr(st.cache_resource, "clear", cleared.set)
    cache._forget_later()
    assert cleared.wait(30)


@pytest.fixture
def row(loads, monkeypatch, tmp_path):
    """The row, as the loaded network would have it, of a network of one's own; a load gives a stand-in."""
    (tmp_path / "cats.keras").write_bytes(b"weights")
    (tmp_path / "cats.json").write_text("{}")
    monkeypatch.setenv("CAM_MODELS", str(tmp_path))
    monkeypatch.setattr(model_store, "_corrected", {})
    known = {"labels": ("a", "b"), "preprocessing": "0..1", "size": 32, "whole_size": 32, "stride": 8}
    return replace(find_spec("own/cats"), guessed=("labels",), **known)


class StandIn:
    """A network that is loaded, as `_load` uses it."""

    def __init__(self, spec):
        self.spec = spec

    def corrected(self, spec):
        return StandIn(spec)


def test_a_correction_has_a_name_of_its_own_by_what_it_says(row):
    one, same, other = (model_store.correct(row, labels=labels) for labels in (("x", "y"), ("x", "y"), ("y", "x")))
    assert one == same and one.name.startswith("own/cats@") and other.name != one.name
    assert one == replace(row, name=one.name, labels=("x", "y"))


def test_a_correction_of_a_correction_is_one_of_the_network_itself(row):
    first = model_store.correct(row, labels=("x", "y"), guessed=())
    second = model_store.correct(first, size=64)
    assert second == model_store.correct(replace(row, guessed=()), labels=("x", "y"), size=64)
    assert second.name.count("@") == 1
    assert model_store.correct(second, size=32).name == first.name


def test_the_name_without_a_correction_is_that_of_the_registry(row):
    assert (
        model_store.base_name(model_store.correct(row, size=64).name) == model_store.base_name("own/cats") == "own/cats"
    )
    assert model_store.base_name("resnet50") == "resnet50"


def test_a_row_is_found_corrected_or_as_the_registry_has_it(row):
    corrected = model_store.correct(row, size=64)
    assert model_store.find_row(corrected.name) is corrected
    assert model_store.find_row("own/cats") == find_spec("own/cats")
    assert model_store.find_row("own/cats@forgotten") == find_spec("own/cats")
    with pytest.raises(ModelError, match="There is no network 'own/dogs'"):
        model_store.find_row("own/dogs@0123456789ab")


def test_only_so_many_corrections_are_known_and_one_that_was_forgotten_can_be_made_known_again(row, monkeypatch):
    monkeypatch.setattr(model_store, "_MOST_CORRECTED", 2)
    monkeypatch.setattr("cam.model.load_model", lambda name, options: StandIn(find_spec(name)))
    first, second = (model_store.correct(row, size=size) for size in (64, 96))
    assert model_store.request_model(first.name).result(30).spec is first
    assert model_store.register(first) is first
    model_store.correct(row, size=128)
    assert model_store.find_row(second.name) == find_spec("own/cats") and model_store.find_row(first.name) is first
    model_store.correct(row, size=160)
    assert first.name not in model_store._models and model_store.find_row(first.name) == find_spec("own/cats")
    model_store.register(first)
    assert model_store.request_model(first.name).result(30).spec is first


def test_a_correction_is_made_of_the_network_that_is_loaded_already(row, monkeypatch):
    loaded = []
    monkeypatch.setattr("cam.model.load_model", lambda name, options: loaded.append(name) or StandIn(find_spec(name)))
    plain = model_store.request_model("own/cats").result(30)
    corrected = model_store.correct(row, labels=("x", "y"))
    assert model_store.request_model(corrected.name).result(30).spec is corrected
    assert model_store.request_model("own/cats").result(30) is plain and plain.spec.labels is None
    assert loaded == ["own/cats"]


def test_a_correction_of_a_network_that_cannot_be_loaded_fails_as_it_does(row, monkeypatch):
    def refuse(name, options):
        raise ModelError("cats.keras cannot be opened.")

    monkeypatch.setattr("cam.model.load_model", refuse)
    corrected = model_store.correct(row, labels=("x", "y"))
    with pytest.raises(ModelError, match="cats.keras cannot be opened"):
        model_store.loaded_model(corrected.name)


@pytest.mark.parametrize("mended", ["cats.keras", "cats.json"])
def test_a_network_that_failed_is_tried_again_when_the_file_or_the_one_beside_it_is_mended(
    row, monkeypatch, tmp_path, mended
):
    tried = []
    monkeypatch.setattr("cam.model.load_model", lambda name, options: tried.append(name) or 1 / 0)
    for _ in range(2):
        assert isinstance(model_store.request_model("own/cats").exception(30), ZeroDivisionError)
    assert tried == ["own/cats"]
    stat = (tmp_path / mended).stat()
    os.utime(tmp_path / mended, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    assert isinstance(model_store.request_model("own/cats").exception(30), ZeroDivisionError)
    assert len(tried) == 2
