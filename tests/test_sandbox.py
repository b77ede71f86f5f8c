"""Functions called in a process of their own: what comes back, what is raised, and how the process ends."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cam.errors import LabelError, ModelError
from cam.sandbox import call_in_child

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

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def interrupted():
    os.kill(os.getpid(), signal.SIGINT)

def wait(note):
    with open(note, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(120)
"""


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch) -> Path:
    """The folder of a module that only this process finds, by its `sys.path`."""
    (tmp_path / "program_apart.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_what_the_function_returns_comes_back_and_nothing_that_was_printed():
    assert call_in_child("program_apart:both", "one", Path("two")) == b"one two"


def test_a_hundred_megabytes_come_back():
    assert call_in_child("program_apart:large") == bytes(range(256)) * 400_000


def test_it_is_another_process_which_lets_others_go_first():
    process, nice = map(int, call_in_child("program_apart:about").split())
    assert process != os.getpid() and nice == min(os.nice(0) + 5, 19)


@pytest.mark.parametrize("kind", ["model", "label"])
def test_a_refusal_is_the_same_sentence_here(kind):
    with pytest.raises(ModelError) as caught:
        call_in_child("program_apart:refuse", kind)
    assert str(caught.value) == "Größe: no such thing." and not isinstance(caught.value, LabelError)


def test_what_else_it_raises_is_raised_here_with_its_last_lines():
    with pytest.raises(RuntimeError) as caught:
        call_in_child("program_apart:break_down")
    first, *last = str(caught.value).splitlines()
    assert first == "The process of program_apart:break_down ended with exit code 1."
    assert last[-1] == "ValueError: not this one"


def test_a_process_that_is_killed_is_said():
    with pytest.raises(RuntimeError, match=re.escape("program_apart:kill ended with exit code -9.")):
        call_in_child("program_apart:kill")


def test_what_cannot_be_sent_starts_no_process(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *command, **about: pytest.fail("a process was started"))
    with pytest.raises(Exception, match="pickle"):
        call_in_child("program_apart:both", lambda: None)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_ctrl_c_is_a_sentence_and_no_reason_to_do_it_here():
    with pytest.raises(ModelError, match="was interrupted"):
        call_in_child("program_apart:interrupted")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_it_ends_with_the_process_that_waits_for_it(program):
    note = program / "note"
    code = f"from cam.sandbox import call_in_child; call_in_child('program_apart:wait', {str(note)!r})"
    path = os.pathsep.join([str(program), str(ROOT)])
    waiting = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path})
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
