"""Functions called in child processes: what comes back, what is raised, the limits, and how the processes end."""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from cam import sandbox
from cam.errors import ImageError, LabelError, ModelError
from cam.sandbox import ChildError, ChildPool, LimitError, Limits, call_in_child

ROOT = Path(__file__).parents[1]
PROGRAM = """
import os, signal, sys, time
from cam.errors import LabelError, ModelError

def both(first, second):
    print("said by a library")
    os.write(1, b"said past Python")
    return f"{first} {second}".encode()

def about():
    return f"{os.getpid()} {os.nice(0)}".encode()

def large():
    return bytes(range(256)) * 400_000

def refuse(kind):
    raise {"model": ModelError, "label": LabelError}[kind]("Größe: no such thing.")

def break_down():
    print("something before", file=sys.stderr)
    raise ValueError("not this one")

def crash():
    os.kill(os.getpid(), signal.SIGSEGV)

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def interrupted():
    os.kill(os.getpid(), signal.SIGINT)

def wait(note):
    with open(note, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(120)

def compute(note):
    with open(note, "w") as file:
        file.write(str(os.getpid()))
    while True:
        pass

def fill():
    bytearray(2**31)
    return b""

def flood():
    return [bytes(1000)] * 5

def environment():
    return " ".join(sorted(os.environ)).encode()

def process():
    return str(os.getpid()).encode()

def meet(folder, count):
    # Wait until so many calls run at the same time.
    open(os.path.join(folder, str(os.getpid())), "w").close()
    end = time.monotonic() + 60
    while len(os.listdir(folder)) < count and time.monotonic() < end:
        time.sleep(0.01)
    return str(len(os.listdir(folder))).encode()
"""


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch) -> Path:
    """The folder of a module that only this process finds, by its `sys.path`."""
    (tmp_path / "program_in_child.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_what_the_function_returns_comes_back_and_nothing_that_was_printed():
    assert call_in_child("program_in_child:both", "one", Path("two")) == b"one two"


def test_a_hundred_megabytes_come_back():
    assert call_in_child("program_in_child:large") == bytes(range(256)) * 400_000


@pytest.mark.parametrize(("limits", "least"), [(Limits(), 0), (Limits(cpu_seconds=60), 5)])
def test_it_is_another_process_which_lets_others_go_first_where_it_has_limits(limits, least):
    process, nice = map(int, call_in_child("program_in_child:about", limits=limits).split())
    assert process != os.getpid() and nice == max(os.nice(0), least)


@pytest.mark.parametrize("kind", ["model", "label"])
def test_a_refusal_is_the_same_sentence_here(kind):
    with pytest.raises(ModelError) as caught:
        call_in_child("program_in_child:refuse", kind)
    assert str(caught.value) == "Größe: no such thing." and not isinstance(caught.value, LabelError)


def test_what_else_it_raises_is_raised_here_with_its_last_lines():
    with pytest.raises(ChildError) as caught:
        call_in_child("program_in_child:break_down")
    first, *last = str(caught.value).splitlines()
    assert first == "The process of program_in_child:break_down ended with exit code 1."
    assert last[-1] == "ValueError: not this one"


def test_a_process_that_is_killed_is_said():
    with pytest.raises(ChildError, match=re.escape("program_in_child:kill ended with exit code -9.")):
        call_in_child("program_in_child:kill")


def test_what_cannot_be_sent_starts_no_process(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", lambda *command, **about: pytest.fail("a process was started"))
    with pytest.raises(Exception, match="pickle"):
        call_in_child("program_in_child:both", lambda: None)
    with pytest.raises(Exception, match="pickle"):
        call(ChildPool(), "both", lambda: None)


def test_what_is_found_in_this_process_only_is_raised_with_its_last_line():
    with pytest.raises(ChildError, match="AttributeError"):
        call_in_child("program_in_child:nothing")


A_MINUTE = Limits(wall_seconds=60)
LIMITS = {
    "wall": ("wait", Limits(wall_seconds=0.5)),
    "cpu": ("compute", Limits(cpu_seconds=1)),
    "memory": ("fill", Limits(memory_bytes=2**30)),
}
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory and tells that a parent ended")


@on_linux
@pytest.mark.parametrize("limit", LIMITS)
def test_a_call_ends_at_each_limit(limit, program):
    function, limits = LIMITS[limit]
    arguments = () if function == "fill" else (str(program / "note"),)
    with pytest.raises(LimitError, match=f"program_in_child:{function}"):
        call_in_child(f"program_in_child:{function}", *arguments, limits=limits)
    pool = ChildPool()
    with pytest.raises(LimitError, match=f"program_in_child:{function}"):
        call(pool, function, *arguments, limits=limits)
    assert call(pool, "both", 1, 2) == b"1 2"


def test_no_more_bytes_come_back_than_are_allowed():
    assert call_in_child("program_in_child:flood", limits=Limits(answer_bytes=5000)) == bytes(5000)
    with pytest.raises(LimitError):
        call_in_child("program_in_child:flood", limits=Limits(answer_bytes=4999))


def test_an_empty_environment_has_none_of_the_variables_of_this_process(monkeypatch):
    monkeypatch.setenv("CAM_ACCESS_CODE", "secret")
    assert b"CAM_ACCESS_CODE" in call_in_child("program_in_child:environment")
    assert b"CAM_" not in call_in_child("program_in_child:environment", empty_environment=True)
    assert b"CAM_" not in call(ChildPool(), "environment")


def call(pool: ChildPool, function: str, *arguments: object, limits=A_MINUTE, at_once=4) -> bytes:
    name = f"program_in_child:{function}"
    return pool.call(name, *arguments, limits=limits, at_once=at_once, refusal=ImageError)


@pytest.fixture
def pool():
    pool = ChildPool()
    yield pool
    pool.close()


def test_calls_of_a_pool_share_a_child_also_after_a_refusal(pool):
    first = call(pool, "process")
    with pytest.raises(ImageError, match="Größe: no such thing"):
        call(pool, "refuse", "model")
    assert call(pool, "process") == first


@pytest.mark.parametrize("function", ["break_down", "crash"])
def test_a_child_that_ends_is_replaced(function, pool):
    first = call(pool, "process")
    with pytest.raises(ChildError, match=f"program_in_child:{function} ended"):
        call(pool, function)
    assert call(pool, "process") != first


def test_a_child_that_was_ended_between_two_calls_is_replaced(pool):
    first = psutil.Process(int(call(pool, "process")))
    first.kill()
    psutil.wait_procs([first], timeout=20)
    assert int(call(pool, "process")) != first.pid


def test_a_child_is_replaced_after_many_calls(pool, monkeypatch):
    monkeypatch.setattr(sandbox, "_MOST_CALLS", 3)
    processes = [call(pool, "process") for _ in range(7)]
    assert [processes.index(process) for process in processes] == [0, 0, 0, 3, 3, 3, 6]


def test_threads_call_at_the_same_time(pool, tmp_path):
    (tmp_path / "here").mkdir()
    with ThreadPoolExecutor(3) as threads:
        met = [threads.submit(call, pool, "meet", str(tmp_path / "here"), 3) for _ in range(3)]
        assert [one.result() for one in met] == [b"3"] * 3


def test_no_more_run_at_a_time_than_is_said(pool):
    with ThreadPoolExecutor(6) as threads:
        processes = list(threads.map(lambda _: call(pool, "process", at_once=1), range(12)))
    assert len(set(processes)) == 1


def test_slow_calls_give_their_turn_to_others(pool, program, monkeypatch):
    monkeypatch.setattr(sandbox, "_LONG_SECONDS", 0.5)
    slow = Limits(wall_seconds=20)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(call, pool, "wait", str(program / "note"), limits=slow, at_once=1)
        assert call(pool, "both", 1, 2, at_once=1) == b"1 2"
        assert not waiting.done()
        psutil.Process(int((program / "note").read_text())).kill()


def test_a_process_that_is_copied_has_children_of_its_own(pool):
    if not hasattr(os, "fork"):
        pytest.skip("no fork")
    code = """
import os, sys
from cam.sandbox import ChildPool, Limits
pool = ChildPool()
def process():
    about = {"limits": Limits(wall_seconds=60), "at_once": 2, "refusal": Exception}
    return pool.call("program_in_child:process", **about).decode()
first = process()
copy = os.fork()
if not copy:
    os._exit(first == process())
assert os.waitpid(copy, 0)[1] == 0 and process() == first
"""
    subprocess.run([sys.executable, "-c", code], env=environment_with(sys.path[0]), check=True, timeout=100)


def environment_with(program: object) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(program), str(ROOT)])}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_ctrl_c_is_a_sentence_and_no_reason_to_do_it_here():
    with pytest.raises(ModelError, match="was interrupted"):
        call_in_child("program_in_child:interrupted")


@on_linux
@pytest.mark.parametrize("call", ["call_in_child(*call)", "ChildPool().call(*call, **about)"])
@pytest.mark.parametrize("function", ["wait", "compute"])
def test_a_child_ends_with_the_process_that_waits_for_it(program, function, call):
    note = program / "note"
    code = f"""
from cam.sandbox import *
call = "program_in_child:{function}", {str(note)!r}
about = {{"limits": Limits(wall_seconds=60), "at_once": 1, "refusal": Exception}}
{call}
"""
    waiting = subprocess.Popen([sys.executable, "-c", code], env=environment_with(program))
    try:
        end = time.monotonic() + 60
        while not (note.exists() and note.read_text()):
            assert time.monotonic() < end
            time.sleep(0.02)
        started = psutil.Process(int(note.read_text()))
    finally:
        waiting.kill()
        waiting.wait()
    _, alive = psutil.wait_procs([started], timeout=20)
    assert not alive


def test_idle_children_end_with_their_process(program):
    code = """
from cam.sandbox import ChildPool, Limits
about = {"limits": Limits(wall_seconds=60), "at_once": 1, "refusal": Exception}
print(ChildPool().call("program_in_child:process", **about).decode())
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment_with(program), capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert not psutil.pid_exists(int(done.stdout))
