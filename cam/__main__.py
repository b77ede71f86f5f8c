"""The command line: `python -m cam`, or `classcam` where the package is installed.

Importing this imports neither TensorFlow nor Keras; a command that runs a network imports what it needs.
"""

import click

from cam.cli.batch import batch
from cam.cli.evaluate import evaluate
from cam.cli.explain import explain
from cam.cli.fetch import fetch
from cam.cli.models import models
from cam.cli.serve import page
from cam.errors import CamError
from cam.settings import read_settings

# In the order in which they are listed.
_COMMANDS = (page, models, fetch, explain, batch, evaluate)


class _Commands(click.Group):
    """Commands in the order in which they were added; what a user can cause is one sentence on stderr."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        try:
            # A wrong setting is said before anything is done, whatever the command.
            read_settings()
            return super().invoke(ctx)
        except CamError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="classcam", prog_name="classcam")
def main() -> None:
    """ClassCam shows where a convolutional network looks.

    The page is started by: streamlit run streamlit_app.py
    """


for _command in _COMMANDS:
    main.add_command(_command)

if __name__ == "__main__":
    main()
