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

from cam.cli.addresses import network_addresses
from cam.settings import read_settings

_APP = Path(__file__).parents[2] / "streamlit_app.py"
_PORT = 8501


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
        raise click.ClickException(f"The page {_APP} is not there. Start it in a copy of the project.")
    addresses = read_settings().address or (_addresses(port or _PORT) if share else ())
    named = {"CAM_MODEL_FILES": os.pathsep.join(str(path.resolve()) for path in files)}
    if addresses:
        _print_addresses(addresses)
        named["CAM_ADDRESS"] = " ".join(addresses)
    command = [sys.executable, "-m", "streamlit", "run", str(_APP), *_options(addresses, share, port)]
    # In the project's folder, where Streamlit finds its settings.
    server = subprocess.Popen(command, cwd=_APP.parent, env={**os.environ, **named})
    sys.exit(_wait_for(server))


def _wait_for(server: subprocess.Popen) -> int:
    """The exit code of the server when it has ended; 0 if it was told to."""
    told = False

    def stop(*_: object) -> None:
        nonlocal told
        told = True
        server.terminate()

    signal.signal(signal.SIGTERM, stop)
    try:
        code = server.wait()
    except KeyboardInterrupt:
        # The server got the same signal, and ends by itself.
        code = server.wait()
    # Negative: the signal that ended it.
    return 0 if told else code if code >= 0 else 128 - code


def _addresses(port: int) -> tuple[str, ...]:
    """What others type to reach this computer (ClickException if it is in no network)."""
    found = network_addresses()
    if not found:
        raise click.ClickException(
            "This computer is in no network, so nothing else can reach it. Connect it to the Wi-Fi of the room, then "
            "start the page again."
        )
    return tuple(f"http://{address}:{port}" for address in found)


def _options(addresses: tuple[str, ...], share: bool, port: int | None) -> list[str]:
    """What Streamlit is told: where it listens, and the names that it answers to."""
    options = ["--server.address", "0.0.0.0" if share else "localhost"]
    # Shared, the port is the one that others were told, or none.
    if share or port:
        options += ["--server.port", str(port or _PORT)]
    if addresses:
        name = socket.gethostname()
        hosts = dict.fromkeys((*(urlsplit(address).hostname for address in addresses), name, f"{name}.local"))
        for host in ("localhost", "127.0.0.1", *hosts):
            options += ["--server.allowedHosts", host]
    return options


def _print_addresses(addresses: tuple[str, ...]) -> None:
    """The addresses, and the QR code of the first where the terminal can show it."""
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
