"""The work of `cam.batch.pipeline` on many processes and machines, by Ray Data: parts in, tables out.

Each part of the photos is one row of a Ray dataset. Actors, which each hold the network, make its table of it; what
they make comes back here and is written here, so that the machines share nothing but the photos. An actor that dies
begins anew, and what it had begun with it; a part's numbers are the same wherever and however often it is done.
"""

import logging
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from cam.batch.pipeline import Part, explained_parts
from cam.batch.plan import Settings
from cam.batch.rows import SCHEMA, parquet_bytes
from cam.batch.sources import is_address
from cam.cli.network import native_messages_held
from cam.errors import CamError

if TYPE_CHECKING:
    from cam.model import Model

# Of an actor, where there are as many: passes of one core each, and one Python that they share.
_CORES = 4
_PARTS_AT_ONCE = 2
# How often a part is begun anew because its actor died, before it counts as what kills it.
_RETRIES = 3
# Seconds that a cluster may take to answer.
_PATIENCE = 20
_ASK = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='CRITICAL')"
_SETTINGS = {
    # No reports of use to Ray's makers.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Messages of its own, which are no errors of ours, stay in its log files.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_PICTURES = pa.list_(pa.struct([("name", pa.string()), ("content", pa.large_binary())]))


class ClusterError(CamError):
    """Ray is not installed, does not answer, has too few cores, or gives up."""


@dataclass(frozen=True)
class Cluster:
    """Ray, connected, and who does the work: so many actors of so many cores."""

    actors: int
    cores: int


def connected(address: str | None, actors: int | None) -> Cluster:
    """Start Ray on this machine, or connect to the cluster at an address.

    Args:
        address: HOST:PORT of the cluster's head, or "auto" for the one that this machine belongs to; None: this machine
            alone.
        actors: how many processes hold the network; None: one for every four cores of a machine.

    Raises:
        ClusterError: Ray is missing, does not answer, or has too few cores; the text says what to do.
    """
    ray = _imported()
    if address is not None:
        _check_reachable(address)
    options = {"include_dashboard": False} if address is None else {}
    with native_messages_held():
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.CRITICAL, **options)
    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    try:
        return _shared_out(machines, actors)
    except ClusterError:
        ray.shutdown()
        raise


def cluster_parts(
    cluster: Cluster,
    parts: Iterable[Part],
    settings: Settings,
    *,
    load: "Callable[[], Model]",
    digest: Callable[[], str],
    weights: str,
    write: Callable[[str, bytes], None],
    report: Callable[[int], None],
) -> Iterator[tuple[int, pa.Table]]:
    """The number of each part and its table, in the order in which they are finished; then Ray is shut down.

    Args:
        cluster: who does the work.
        parts: what to do.
        settings: how.
        load: gives the network; called by each actor.
        digest: gives `network_digest` on its machine; called by each actor.
        weights: the digest here, which must be the same on all machines.
        write: called with the name and the content of each picture that is to be saved.
        report: called with how many more photos are done.

    Raises:
        ClusterError: Ray gives up, or a machine has other weights.
    """
    ray = _imported()
    with _silenced(ray):
        try:
            for found in _dataset(cluster, parts, (load, digest, settings, weights)).iter_batches(
                batch_size=None, batch_format="pyarrow"
            ):
                for row in found.to_pylist():
                    if row["refusal"] is not None:
                        raise ClusterError(row["refusal"])
                    for picture in row["pictures"]:
                        write(picture["name"], picture["content"])
                    report(row["photos"])
                    yield row["number"], parquet.read_table(BytesIO(row["table"]), schema=SCHEMA)
        except ray.exceptions.RayError as error:
            raise _plain(error) from error


@contextmanager
def _silenced(ray) -> Iterator[None]:
    """Until Ray is shut down at the end, what it prints goes nowhere; a program may read what we print."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        try:
            yield
        finally:
            ray.shutdown()


def _plain(error: Exception) -> Exception:
    """What a user can do about an error that Ray raised, or the error itself where that is nothing."""
    import ray

    if isinstance(error, ray.exceptions.RayTaskError):
        return error
    return ClusterError(
        "Ray gave up: a process of it died again and again, or the cluster is gone. What is finished is kept: go on by "
        f"the same command with --resume. Ray says: {str(error).splitlines()[0]}"
    )


def _dataset(cluster: Cluster, parts: Iterable[Part], network: tuple):
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    rows = [
        pa.table({"number": [number], "first": [photos[0][0]], "paths": [[os.fsencode(path) for _, path in photos]]})
        for number, photos in parts
    ]
    compute = ray.data.ActorPoolStrategy(
        size=min(cluster.actors, len(rows)),
        # One part is read while the one before is finished.
        max_concurrent_calls_per_actor=_PARTS_AT_ONCE,
        max_tasks_in_flight_per_actor=2 * _PARTS_AT_ONCE,
        enable_true_multi_threading=True,
    )
    dataset = partial(
        ray.data.from_arrow(rows).map_batches,
        _Explainer,
        fn_constructor_args=(*network, cluster.cores, os.getcwd()),
        batch_size=1,
        batch_format="pyarrow",
        compute=compute,
        num_cpus=cluster.cores,
    )
    with warnings.catch_warnings():
        # That this argument will go; nothing else limits the retries yet, which have no end by themselves.
        warnings.simplefilter("ignore", ray.data.dataset.RayDeprecationWarning)
        return dataset(ray_remote_args_fn=lambda: {"max_task_retries": _RETRIES})


class _Explainer:
    """An actor, in a process of its own: holds the network and makes the tables of parts."""

    def __init__(
        self,
        load: "Callable[[], Model]",
        digest: Callable[[], str],
        settings: Settings,
        weights: str,
        cores: int,
        folder: str,
    ):
        self._settings, self._cores, self._folder = settings, cores, folder
        self._model = self._refusal = None
        # Said by the first part, because Ray would take what is raised here for a process that died.
        try:
            if digest() != weights:
                raise ClusterError(
                    f"The weights of {settings.model} on {socket.gethostname()} are missing or not those of the "
                    "machine that began, or only one of the two has OpenVINO. Install the same on every machine."
                )
            self._model = load()
        except CamError as error:
            self._refusal = str(error)

    def __call__(self, batch: pa.Table) -> pa.Table:
        (row,) = batch.to_pylist()
        photos = list(enumerate(map(os.fsdecode, row["paths"]), row["first"]))
        if not all(is_address(path) for _, path in photos):
            # What paths are relative to.
            os.chdir(self._folder)
        pictures: dict[str, bytes] = {}
        if self._refusal is not None:
            return _answer(row["number"], self._refusal, None, {})
        work = explained_parts(
            self._model, [(row["number"], photos)], self._settings, write=pictures.__setitem__, cores=self._cores
        )
        ((number, table),) = work
        return _answer(number, None, table, pictures)


def _answer(number: int, refusal: str | None, table: pa.Table | None, pictures: Mapping[str, bytes]) -> pa.Table:
    """What an actor sends for a part: one row, because Ray never divides one."""
    listed = [{"name": name, "content": content} for name, content in pictures.items()]
    return pa.table(
        {
            "number": [number],
            "refusal": pa.array([refusal], pa.string()),
            "photos": [0 if table is None else len(table)],
            "table": pa.array([None if table is None else parquet_bytes(table)], pa.large_binary()),
            "pictures": pa.array([listed], _PICTURES),
        }
    )


def _imported():
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
        import ray.data
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


def _shared_out(machines: list[int], actors: int | None) -> Cluster:
    """As many actors as are wanted, each with as many cores as it can have up to `_CORES`, and none on two machines."""
    wanted = actors or sum(max(1, cores // _CORES) for cores in machines if cores)
    for cores in range(_CORES, 0, -1):
        if sum(machine // cores for machine in machines) >= wanted:
            return Cluster(wanted, cores)
    raise ClusterError(
        f"There are {sum(machines)} cores, too few for {wanted} actors of at least one each. Ask for fewer by --actors."
    )
