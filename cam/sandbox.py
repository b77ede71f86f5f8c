"""Call a function of ClassCam in a child process with limits, so that nothing it meets can stop or fill this one.

`call_in_child` starts a process for one call: networks are built there, which needs TensorFlow once, and files of
weights are read. `ChildPool` keeps processes warm for many short calls: photos are decoded there.

Nothing that a child sends is trusted: an answer is bytes of at most a stated length, or a sentence.
"""

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import IO

from cam import sandbox_worker
from cam.errors import CamError, ModelError
from cam.turns import Turns

_LAST_LINES = 5
# What is left of an environment that is emptied: what a system needs to find its own libraries. And one arena and one
# thread, because each thread takes addresses, which are limited.
_NEEDED_VARIABLES = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_FEW_ADDRESSES = {"MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
# By the signals that a limit on processor time and a machine without memory send, SIGXCPU and SIGKILL.
_ENDED_BY_LIMITS = {-24, -9}
# A call of a pool that takes longer no longer keeps others waiting.
_LONG_SECONDS = 2.0
# Calls after which a child of a pool is replaced, so that what a library may leak stays small.
_MOST_CALLS = 200
# A pipe holds 64 kB on Linux, which would change between the two processes a hundred times for one photo.
_PIPE_BYTES = 2**20


@dataclass(frozen=True)
class Limits:
    """Limits on what one call in a child may use; None: no limit.

    Attributes:
        memory_bytes: of addresses, which only Linux limits.
        cpu_seconds: of one processor, which Windows does not limit.
        wall_seconds: by the clock; many calls at once share the processors.
        answer_bytes: that may come back.
    """

    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    wall_seconds: float | None = None
    answer_bytes: int = 2**33


UNLIMITED = Limits()


class LimitError(RuntimeError):
    """A call in a child took more memory or time than its limits allow."""


class ChildError(RuntimeError):
    """A child ended without an answer; the text has its exit code and its last lines.

    Attributes:
        exit_code: of the child, negative where a signal ended it.
        last_lines: of what it printed or raised.
    """

    def __init__(self, function: str, exit_code: int, last_lines: list[str]):
        """Say which function was called, and how its process ended."""
        super().__init__("\n".join([f"The process of {function} ended with exit code {exit_code}.", *last_lines]))
        self.exit_code = exit_code
        self.last_lines = last_lines


def call_in_child(
    function: str,
    *arguments: object,
    limits: Limits = UNLIMITED,
    empty_environment: bool = False,
) -> bytes:
    """Call a function in a process of its own and return its answer; on Linux the child ends with this process.

    Args:
        function: "module:function"; it returns bytes, or a list of them that are joined. It is found where this process
            finds its modules, but what was put into them here is not there.
        arguments: anything that can be pickled.
        limits: on memory and time.
        empty_environment: start the child without the environment of this process.

    Raises:
        ModelError: with the sentence of the CamError that the function raised, or because the child was interrupted
            with Ctrl-C, which a terminal tells both processes.
        LimitError: it reached a limit.
        ChildError: it raised something else, or was ended.
        Exception: what is raised where arguments cannot be pickled (of several types), or no process can be started.
    """
    request = _pack(function, arguments, limits)
    # A file, because nobody reads a pipe while the answer is waited for.
    with tempfile.TemporaryFile() as errors, contextlib.closing(_Child(errors, empty_environment)) as child:
        try:
            return child.call(function, request, limits, ModelError)
        except ChildError as error:
            if error.exit_code == -signal.SIGINT:
                raise ModelError("Another process read the network and was interrupted. Start again.") from error
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines() + error.last_lines
            raise ChildError(function, error.exit_code, said[-_LAST_LINES:]) from error


class ChildPool:
    """Children that stay for further calls, started when they are needed, with an empty environment.

    Threads may call at the same time. A child that reaches a limit or crashes is ended; the next call starts another.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self._idle: list[_Child] = []
        atexit.register(self.close)
        if sys.platform != "win32":
            os.register_at_fork(after_in_child=self._forget)

    def call(self, function: str, *arguments: object, limits: Limits, at_once: int, refusal: type[CamError]) -> bytes:
        """Call a function in one of the children, as `call_in_child` does, and wait for a turn before.

        Args:
            function: "module:function"; it returns bytes, or a list of them that are joined.
            arguments: anything that can be pickled.
            limits: on memory and time of this call.
            at_once: how many calls may run at a time; as many again that have taken long go on besides, so that slow
                ones do not hold up the others.
            refusal: the class in which the sentence of a CamError comes back.
        """
        request = _pack(function, arguments, limits)
        with _turn(at_once):
            child = self._take()
            try:
                return child.call(function, request, limits, refusal)
            finally:
                if child.calls_left:
                    self._idle.append(child)
                else:
                    child.close()

    def close(self) -> None:
        """End the children that do nothing now."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> "_Child":
        with contextlib.suppress(IndexError):
            while (child := self._idle.pop()).process.poll() is not None:
                child.close()
            return child
        return _Child(subprocess.DEVNULL, empty_environment=True, new_session=True)

    def _forget(self) -> None:
        """Leave the children to the process that this one is a copy of."""
        for child in self._idle:
            child.process.returncode = 0
        self._idle = []


def _pack(function: str, arguments: tuple[object, ...], limits: Limits) -> bytes:
    """Pickle a call before a process is started for it."""
    return pickle.dumps((function, arguments, limits.memory_bytes, limits.cpu_seconds))


class _Child:
    """A child process.

    Attributes:
        process: it.
        calls_left: how often it can be called again; none where a call did not come to its end.
    """

    def __init__(self, errors: IO[bytes] | int, empty_environment: bool, new_session: bool = False):
        environment = None
        if empty_environment:
            environment = {name: os.environ[name] for name in _NEEDED_VARIABLES if name in os.environ} | _FEW_ADDRESSES
        # By a thread that stays, because on Linux a child ends with the thread that started it.
        starting = _starter(os.getpid()).submit(
            subprocess.Popen,
            # -P: modules of Python before those of this folder.
            [sys.executable, "-P", sandbox_worker.__file__, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            # Ctrl-C in a terminal is for this process.
            start_new_session=new_session,
        )
        self.process = starting.result()
        self.calls_left = _MOST_CALLS
        assert self.process.stdin and self.process.stdout
        self._requests, self._answers = self.process.stdin, self.process.stdout
        if sys.platform == "linux":
            import fcntl

            # More than a user may have in all is refused.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._answers.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def close(self) -> None:
        """End the process, if it has not ended, and close its pipes."""
        self.process.kill()
        # What was not sent any more.
        with contextlib.suppress(OSError), self.process:
            pass

    def call(self, function: str, request: bytes, limits: Limits, refusal: type[CamError]) -> bytes:
        """Send a call and wait for its answer."""
        calls_left, self.calls_left = self.calls_left - 1, 0
        clock = threading.Timer(limits.wall_seconds or 0, self.process.kill)
        clock.daemon = True
        if limits.wall_seconds is not None:
            clock.start()
        try:
            status, answer = self._exchange(request, limits.answer_bytes)
        except (BrokenPipeError, EOFError):
            code = self.process.wait()
            if limits != UNLIMITED and (code in _ENDED_BY_LIMITS or clock.finished.is_set()):
                raise LimitError(f"{function} reached a limit") from None
            raise ChildError(function, code, []) from None
        finally:
            clock.cancel()
        if status == sandbox_worker.NO_MEMORY:
            raise LimitError(f"{function} reached the limit on memory")
        if status == sandbox_worker.FAILED:
            lines = answer.decode(errors="replace").strip().splitlines()
            raise ChildError(function, self.process.wait(), lines[-_LAST_LINES:])
        self.calls_left = calls_left
        if status == sandbox_worker.REFUSED:
            raise refusal(answer.decode(errors="replace"))
        return answer

    def _exchange(self, request: bytes, most_bytes: int) -> tuple[int, bytes]:
        """The status and the bytes that the child answers with; EOFError where it ends before, or sends too many."""
        self._requests.write(request)
        self._requests.flush()
        status, length = sandbox_worker.HEAD.unpack(self._read(sandbox_worker.HEAD.size))
        if length > most_bytes:
            self.process.kill()
            raise EOFError
        return status, self._read(length)

    def _read(self, length: int) -> bytes:
        data = self._answers.read(length)
        if len(data) < length:
            raise EOFError
        return data


@cache
def _starter(process: int) -> ThreadPoolExecutor:
    """The thread that starts all children of this process."""
    return ThreadPoolExecutor(1, thread_name_prefix="sandbox")


@cache
def _lines(at_once: int) -> tuple[Turns, threading.BoundedSemaphore]:
    return Turns(at_once), threading.BoundedSemaphore(at_once)


@contextlib.contextmanager
def _turn(at_once: int) -> Iterator[None]:
    """Wait for a turn; after some seconds it is given to others, if not too many take long already."""
    turns, long_ones = _lines(at_once)
    # What is to be given back in the end. Each is taken out before, so that none is given back twice.
    held: list[Callable[[], None]] = [turns.__exit__]

    def give() -> None:
        if long_ones.acquire(blocking=False):
            held.append(long_ones.release)
            # The call may end meanwhile, and give back all.
            with contextlib.suppress(IndexError):
                held.pop(0)()

    turns.__enter__()
    timer = threading.Timer(_LONG_SECONDS, give)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        while held:
            held.pop()()
