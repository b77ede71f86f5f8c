"""`python -m cam page`: start the page, with one's own models named one by one."""

import os
import subprocess
import sys
from pathlib import Path

import click

_APP = Path(__file__).parents[2] / "streamlit_app.py"


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[MODEL]...")
@click.option("--port", type=click.IntRange(1, 65535), help="Where the page is served; 8501 where none is given.")
def page(files: tuple[Path, ...], port: int | None) -> None:
    """Start the page. Each MODEL is a .keras or .h5 file of your own that the page offers besides its networks.

    A folder of such files is named by the variable CAM_MODELS instead.
    """
    if not _APP.is_file():
        raise click.ClickException(f"The page {_APP} is not there. Start it in a copy of the project.")
    named = os.pathsep.join(str(path.resolve()) for path in files)
    command = [sys.executable, "-m", "streamlit", "run", str(_APP), *(("--server.port", str(port)) if port else ())]
    # In the project's folder, where Streamlit finds its settings.
    server = subprocess.Popen(command, cwd=_APP.parent, env={**os.environ, "CAM_MODEL_FILES": named})
    try:
        sys.exit(server.wait())
    except KeyboardInterrupt:
        # The server got the same signal, and ends by itself.
        sys.exit(server.wait())
