"""The names of networks as arguments of a command."""

import click

from cam.errors import ModelError
from cam.models.registry import ModelSpec, find_spec
from cam.settings import library_options


class NetworkName(click.ParamType):
    """The name of a network -> its row; an unknown one is an error of usage, with the nearest names."""

    name = "name"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ModelSpec:
        if isinstance(value, ModelSpec):
            return value
        try:
            return find_spec(str(value), library_options())
        except ModelError as error:
            self.fail(str(error), param, ctx)
