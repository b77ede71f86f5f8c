"""Explain parts on many processes and machines, by Ray.

Actors, which each hold the network, make the tables of parts; tables and pictures come back here and are written here,
so that the machines share nothing but the photos. An actor that dies is started again, and what it had begun with it; a
part's numbers are the same wherever and however often it is done.
"""

import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cam.batch.pipeline import ExplainParts, FinishedPart, Part, explain_parts
from cam.batch.plan import Settings
from cam.batch.rows import Write
from cam.batch.sources import OpenPhoto, is_address
from cam.errors import CamError

if TYPE_CHECKING:
    from ray.actor import ActorHandle

    from cam.model import Model

# Of an actor, where there are as many: passes of one core each, and one Python that they share.
_CORES = 4
_PARTS_AT_ONCE = 2
# How often a part is begun again because its actor died, before it counts as what kills it.
_RETRIES = 3
# Seconds that a cluster may take to answer.
_PATIENCE = 20
_ASK = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='CRITICAL')"
# Ray reads these when it is imported.
_FORCED = {
    # No reports of use to Ray's makers.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Whoever reaches a port of Ray without its token could run code here. Said again although newer versions of Ray
    # do so by themselves, because a variable of the environment could turn it off.
    "RAY_AUTH_MODE": "token",
}
_DEFAULTS = {
    # Messages of its own, which are no errors of ours, stay in its log files.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# The number of a part, its table, and its pictures by their names.
_Answer = tuple[int, pa.Table, dict[str, bytes]]


@dataclass(frozen=True)
class Tools:
    """The functions and facts that each actor works with.

    Attributes:
        load: loads the network.
        digest: gives `digest_network` on its machine.
        weights: the digest here, which must be the same on all machines.
        open_photo: opens a photo.
    """

    load: "Callable[[], Model]"
    digest: Callable[[], str]
    weights: str
    open_photo: OpenPhoto


class ClusterError(CamError):
    """Ray is not installed, does not answer, has too few cores, or gives up."""


def start_ray(tools: Tools, address: str | None, actors: int | None) -> ExplainParts:
    """Start Ray on this machine, or connect to the cluster at an address.

    Args:
        tools: sent to each actor.
        address: HOST:PORT of the cluster's head, or "auto" for the one that this machine belongs to; None: this machine
            alone.
        actors: how many processes hold the network; None: one for every four cores of a machine.

    Raises:
        ClusterError: Ray is missing, does not answer, or has too few cores; the text says what to do.
    """
    ray = _import_ray(is_local=address is None)
    folder, options = None, {}
    if address is not None:
        _check_reachable(address)
    else:
        # Ray lets everybody write to its folders, so they go into one that nobody else can open. The names of sockets
        # in it may have about 100 letters, and macOS gives temporary folders long ones.
        folder = tempfile.mkdtemp(prefix="classcam-ray-", dir="/tmp" if sys.platform == "darwin" else None)
        options = {"include_dashboard": False, "_temp_dir": os.path.join(folder, "ray")}
    before = os.umask(0o077)
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.CRITICAL, **options)
    finally:
        os.umask(before)
    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    try:
        count, cores = share_cores(machines, actors)
    except ClusterError:
        ray.shutdown()
        _delete(folder)
        raise
    return partial(_explain_parts, tools, count, cores, folder)


def _explain_parts(
    tools: Tools,
    actors: int,
    cores: int,
    folder: str | None,
    parts: Iterable[Part],
    settings: Settings,
    *,
    write: Write,
    report: Callable[[int], None],
) -> Generator[FinishedPart, None, None]:
    """Yield parts in the order in which they are finished; then shut Ray down.

    Args:
        tools: sent to each actor.
        actors: how many processes hold the network.
        cores: of each actor.
        folder: where Ray's files are; None where the cluster was there before.
        parts: as in `ExplainParts`, and so are settings, write and report.

    Raises:
        ClusterError: Ray gives up, or a machine has other weights.
    """
    import ray

    # What Ray prints goes nowhere; a program may read what we print.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        try:
            actor: Any = ray.remote(_Explainer).options(
                num_cpus=cores,
                max_concurrency=_PARTS_AT_ONCE,
                # As often as it takes; what counts is how often a part is begun.
                max_restarts=-1,
                max_task_retries=_RETRIES,
            )
            explainers = [actor.remote(tools, settings, cores, os.getcwd()) for _ in range(actors)]
            for part, table, pictures in _hand_out(explainers, parts):
                for name, content in pictures.items():
                    write(name, content)
                report(len(table))
                yield part, table
        except ray.exceptions.RayTaskError:
            # A mistake in the program, with its traceback.
            raise
        except ray.exceptions.RayError as error:
            raise ClusterError(
                "Ray gave up: a process of it died again and again, or the cluster is gone. What is finished is kept: "
                f"go on by the same command with --resume. Ray says: {str(error).splitlines()[0]}"
            ) from error
        finally:
            ray.shutdown()
    # Where something failed, Ray's log files stay.
    _delete(folder)


def _delete(folder: str | None) -> None:
    # Some of Ray's processes go on writing for a moment after it is shut down.
    for _ in range(50):
        if folder is None or not os.path.exists(folder):
            return
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)


def _hand_out(actors: "list[ActorHandle[_Explainer]]", parts: Iterable[Part]) -> Iterator[_Answer]:
    """Yield what actors make of the parts; each gets the next as soon as it is free.

    An actor gets none before it has loaded its network, so one that finds no free cores holds nothing up.
    """
    import ray

    left = deque(parts)
    loading = {actor.get_refusal.remote(): actor for actor in actors}
    working: dict[ray.ObjectRef, ActorHandle[_Explainer]] = {}
    while left or working:
        (done,), _ = ray.wait([*working, *loading])
        is_new, answer = done in loading, ray.get(done)
        if is_new and answer is not None:
            raise ClusterError(answer)
        actor = (loading if is_new else working).pop(done)
        for _ in range(min(_PARTS_AT_ONCE if is_new else 1, len(left))):
            working[actor.explain.remote(left.popleft())] = actor
        if not is_new:
            yield answer


class _Explainer:
    """An actor, in a process of its own: holds the network and makes the tables of parts."""

    def __init__(self, tools: Tools, settings: Settings, cores: int, folder: str):
        self._explain = partial(explain_parts, settings=settings, open_photo=tools.open_photo, cores=cores)
        self._folder = folder
        self._refusal: str | None = None
        # Not raised, because Ray would take it for a process that died.
        try:
            if tools.digest() != tools.weights:
                raise ClusterError(
                    f"The weights of {settings.model} on {socket.gethostname()} are missing or not those of the "
                    "machine that began, or only one of the two has OpenVINO. Install the same on every machine."
                )
            self._model = tools.load()
        except CamError as error:
            self._refusal = str(error)

    def get_refusal(self) -> str | None:
        """Tell why this actor cannot work; None where it can."""
        return self._refusal

    def explain(self, part: Part) -> _Answer:
        """Make the table and the pictures of a part."""
        if not all(is_address(path) for _, path in part[1]):
            # Paths are relative to it.
            os.chdir(self._folder)
        pictures: dict[str, bytes] = {}
        ((number, table),) = self._explain(self._model, [part], write=pictures.__setitem__)
        return number, table, pictures


def _import_ray(*, is_local: bool) -> ModuleType:
    """Import Ray, which reads its settings then; those of a local one keep it to this machine and this run."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ |= _FORCED
    if is_local:
        # So named because it is off on Windows and macOS: without clusters, all of Ray listens on 127.0.0.1 alone.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    try:
        import ray
    except ImportError as error:
        raise ClusterError(
            "--engine ray needs Ray, which is not installed. Install it by: pip install -r requirements-ray.txt"
        ) from error
    return ray


def _check_reachable(address: str) -> None:
    """Connect in a process that can be ended: Ray itself tries for minutes and then ends the whole process."""
    if is_address(address):
        raise ClusterError(
            f"{address} is an address of Ray's client, which cannot do this work. Run the command on a machine of the "
            "cluster, with --address auto."
        )
    try:
        done = subprocess.run([sys.executable, "-c", _ASK, address], capture_output=True, text=True, timeout=_PATIENCE)
        reason = done.returncode and (done.stderr.strip().splitlines() or ["it gave no reason"])[-1].split(". ")[0]
    except subprocess.TimeoutExpired:
        reason = f"no answer in {_PATIENCE} seconds"
    if reason:
        raise ClusterError(
            f"There is no Ray cluster at {address} that can be used ({reason}). Run this on a machine of the "
            "cluster, where `ray start` was called, or leave --address out to use this machine alone."
        )


def share_cores(machines: list[int], actors: int | None) -> tuple[int, int]:
    """Choose how many actors there are, and the cores of each: as many as it can have up to `_CORES`.

    Args:
        machines: the cores of each machine; no actor is on two.
        actors: how many are wanted; None: one for every `_CORES` cores of a machine.
    """
    wanted = actors or sum(max(1, cores // _CORES) for cores in machines if cores)
    for cores in range(_CORES, 0, -1):
        if sum(machine // cores for machine in machines) >= wanted:
            return wanted, cores
    raise ClusterError(
        f"There are {sum(machines)} cores, too few for {wanted} actors of at least one each. Ask for fewer by --actors."
    )
