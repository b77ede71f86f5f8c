"""A process whose threads have freed their arrays is about as small as before; in its own, as it is set for good."""

import json
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys, threading
import psutil
from cam.server.allocator import give_back_what_is_free
done = sys.argv[1] == "set" and give_back_what_is_free()
memory = psutil.Process().memory_info
before = memory().rss
kept = []
def click(turn):
    # Photos of all sizes, of which something small stays between them.
    arrays = []
    for size in range(5, 12):
        arrays.append(bytearray(size * 1_000_000))
        kept.append(bytes(2_000))
barrier = threading.Barrier(4)
def threads():
    barrier.wait()
    for turn in range(6):
        click(turn)
running = [threading.Thread(target=threads) for _ in range(4)]
for thread in running: thread.start()
for thread in running: thread.join()
print(json.dumps([done, memory().rss - before]))
"""


def left(how: str) -> tuple[bool, int]:
    output = subprocess.run([sys.executable, "-c", SCRIPT, how], check=True, capture_output=True, text=True).stdout
    return tuple(json.loads(output))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_what_threads_have_freed_goes_back_to_the_system():
    done, rest = left("set")
    _, usual = left("as it is")
    assert done
    assert rest < usual / 3


def test_another_c_library_is_left_alone(monkeypatch):
    from cam.server import allocator

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert allocator.give_back_what_is_free() is False
