"""`python -m cam page`: start the page, for this computer or for the room, with one's own models named one by one."""

import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click
import psutil

from cam.settings import APP_FOLDER, Settings, is_host, read_settings

_APP = APP_FOLDER / "streamlit_app.py"
_PORT = 8501
# Beginnings of the names of networks that only this computer's own virtual machines and containers are in.
_VIRTUAL = ("docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "vEthernet", "utun", "tun", "tap")
# This computer itself, and networks that give no addresses.
_OWN = ("127.", "169.254.")
# Set aside for documentation: a place that is reached over the default route, and that nobody is at.
_ELSEWHERE = ("203.0.113.1", 9)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[MODEL]...")
@click.option(
    "--share", is_flag=True, help="Let phones and computers in the same network in, and show them the address."
)
@click.option("--port", type=click.IntRange(1, 65535), help=f"Where the page is served; {_PORT} where none is given.")
def page(files: tuple[Path, ...], share: bool, port: int | None) -> None:
    """Start the page. Each MODEL is a .keras or .h5 file of your own that the page offers besides its networks.

    A folder of such files is named by the variable CAM_MODELS instead.
    """
    if not _APP.is_file():
        raise click.ClickException(f"The page {_APP} is not there. Install ClassCam again.")
    settings = read_settings()
    addresses = settings.address
    if share and not addresses:
        addresses = tuple(f"http://{address}:{port or _PORT}" for address in _find_addresses())
    named = {"CAM_MODEL_FILES": os.pathsep.join(str(path.resolve()) for path in files)}
    if addresses:
        _print_addresses(addresses)
        named |= {"CAM_ADDRESS": " ".join(addresses), "CAM_HOSTS": ",".join(_list_hosts(settings, addresses))}
    options = ["--server.address", "0.0.0.0" if share else "localhost"]
    # Shared, the port is the one that others were told, or none.
    if share or port:
        options += ["--server.port", str(port or _PORT)]
    # Streamlit finds its settings beside the app; models and secrets.toml are looked for in this folder too.
    command = [sys.executable, "-m", "streamlit", "run", str(_APP), *options]
    sys.exit(_wait_for(subprocess.Popen(command, env={**os.environ, **named})))


def _wait_for(server: subprocess.Popen[bytes]) -> int:
    """Wait until the server has ended; its exit code, 0 if it was told to."""
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    # The server gets the same signal of a terminal, and ends by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = server.wait()
    if code == -signal.SIGTERM:
        return 0
    # Negative: the signal that ended it.
    return code if code >= 0 else 128 - code


def _list_hosts(settings: Settings, addresses: tuple[str, ...]) -> list[str]:
    """List the names that the server answers to besides those that always mean this computer."""
    name = socket.gethostname().lower()
    own = [host for host in (name, f"{name}.local") if is_host(host)]
    given = [urlsplit(address).hostname or "" for address in addresses]
    return list(dict.fromkeys((*settings.hosts, *given, *own)))


def _print_addresses(addresses: tuple[str, ...]) -> None:
    """Print the addresses, and the QR code of the first where the terminal can show it."""
    click.echo("\n  Others open ClassCam at\n")
    for address in addresses:
        click.echo(f"  {click.style(address, bold=True)}")
    click.echo()
    if sys.stdout.isatty() and "utf" in (sys.stdout.encoding or "").lower():
        # Imported only where it is used.
        import segno

        drawn = io.StringIO()
        segno.make(addresses[0], micro=False).terminal(drawn, compact=True)
        for line in drawn.getvalue().splitlines():
            # The colours are said, because on a white terminal the code would be inverted.
            click.echo(f"  {click.style(line, fg='bright_white', bg='black')}")


def _find_addresses() -> list[str]:
    """Find the IPv4 addresses that others may reach this computer at; nothing is sent.

    The one of the default route comes first, those of virtual networks come last.

    Raises:
        ClickException: it is in no network.
    """
    states, default = psutil.net_if_stats(), _find_default_address()
    found = [
        (entry.address != default, name.startswith(_VIRTUAL), entry.address)
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if entry.family == socket.AF_INET and name in states and states[name].isup
        if not entry.address.startswith(_OWN)
    ]
    if not found:
        raise click.ClickException(
            "This computer is in no network, so nothing else can reach it. Connect it to the Wi-Fi of the room, then "
            "start the page again."
        )
    return [address for *_, address in sorted(found, key=lambda row: row[:2])]


def _find_default_address() -> str | None:
    """Find the address of this computer on its default route, None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket only looks up the route; it sends nothing.
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        return probe.getsockname()[0]
