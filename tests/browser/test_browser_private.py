"""Nothing leaves the machine: the server connects to nothing but itself."""

import ipaddress
import subprocess
import sys

import pytest
from support.page_parts import PHOTO, choose_class, choose_option, expect, ranked, redrawn, upload, wait_for_heat
from support.page_server import Server, watched_environment

pytestmark = pytest.mark.browser

# What a server may look up to listen.
OWN_NAMES = (None, "", "localhost", "0.0.0.0", "::")


def leaves(event: str, address) -> bool:
    """Whether an address or a host is another machine's; the path of a Unix socket is none."""
    host = address[0] if isinstance(address, list) else address
    if event == "socket.bind" or host in OWN_NAMES or (isinstance(address, str) and address.startswith("/")):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def strangers(server: Server) -> list:
    return [entry for entry in server.addresses() if leaves(*entry)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # Connecting a datagram socket sends nothing.
        ("socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))", [["socket.connect", ["192.0.2.1", 9]]]),
        ("socket.getaddrinfo('192.0.2.1', 9)", [["socket.getaddrinfo", "192.0.2.1"]]),
        ("socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))", []),
        ("socket.getaddrinfo('localhost', 9)", []),
    ],
)
def test_the_watch_sees_what_leaves_and_nothing_else(tmp_path, code, expected):
    log = tmp_path / "log"
    subprocess.run([sys.executable, "-c", f"import socket; {code}"], env=watched_environment(log), check=True)
    server = Server("", log)
    assert len(server.addresses()) == 1
    assert strangers(server) == expected


def test_the_server_connects_to_no_other_machine(page, server, sample, tmp_path):
    path = tmp_path / "crab of my own.png"
    sample("crab").resize((512, 288)).save(path)
    upload(page, path)
    expect(page.locator(f"{PHOTO} .title")).to_have_text(path.name)
    wait_for_heat(page, ranked(page)[0])
    choose_class(page, ranked(page)[1])
    with redrawn(page):
        choose_option(page, "fit", "Squashed to a square")
    port = int(server.url.rpartition(":")[2])
    assert port in [address[1] for event, address in server.addresses() if event == "socket.bind"]
    assert strangers(server) == []
