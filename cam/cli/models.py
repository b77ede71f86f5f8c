"""`python -m cam models`: every network, whether it is on this machine, and its size."""

import json

import click

from cam.models.registry import ModelSpec, custom_models_problem, list_models
from cam.models.weights import megabytes
from cam.settings import library_options

_NONE = "-"
_MAPS = {True: "exact", False: "by gradients", None: _NONE}
# Of each column: its heading, and the cell of a network. Numbers are aligned right.
_COLUMNS = {
    "NAME": lambda spec: spec.name,
    "NETWORK": lambda spec: spec.title,
    "PARAMETERS": lambda spec: f"{spec.parameters / 1e6:.1f} M" if spec.parameters else _NONE,
    "INPUT": lambda spec: f"{spec.size} px" if spec.size else _NONE,
    "TOP-1": lambda spec: _NONE if spec.top1 is None else f"{spec.top1:.1f} %",
    "MAP": lambda spec: _MAPS[spec.exact],
    "HERE": lambda spec: "yes" if spec.available else "no",
    "SIZE": lambda spec: _NONE if spec.source.size is None else megabytes(spec.source.size),
}
_RIGHT = {"PARAMETERS", "INPUT", "TOP-1", "SIZE"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object for each network, with all it says.")
def models(as_json: bool) -> None:
    """List every network: its size, and whether it is on this machine.

    \b
    PARAMETERS  how many numbers were trained, in millions
    INPUT       side of the square photo it was trained for, in pixels
    TOP-1       published share of ImageNet's photos that it names right
    MAP         exact: its maps add up to its scores (class activation maps);
                by gradients: they are computed from gradients and do not
    HERE        whether its weights are on this machine (see: fetch)
    SIZE        of its weights file
    """
    options = library_options()
    specs = list_models(options)
    if problem := custom_models_problem(options):
        click.echo(problem, err=True)
    if as_json:
        click.echo(json.dumps([_list_facts(spec) for spec in specs], indent=2, ensure_ascii=False))
        return
    heading, *rows = _format_table(specs)
    click.secho(heading, bold=True)
    for row in rows:
        click.echo(row)


def _format_table(specs: list[ModelSpec]) -> list[str]:
    """Format the networks as lines of aligned columns, the heading first."""
    lines = [list(_COLUMNS), *([cell(spec) for cell in _COLUMNS.values()] for spec in specs)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligns = [str.rjust if heading in _RIGHT else str.ljust for heading in _COLUMNS]
    return [
        "  ".join(align(cell, width) for align, cell, width in zip(aligns, line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _list_facts(spec: ModelSpec) -> dict[str, object]:
    """List what is known of a network, for other programs; null where it is not known."""
    path = spec.source.find()
    return {
        "name": spec.name,
        "title": spec.title,
        "parameters": spec.parameters or None,
        "input_size": spec.size or None,
        "top1": spec.top1,
        "exact": spec.exact,
        "available": path is not None,
        "bytes": spec.source.size,
        "path": None if path is None else str(path),
        "licence": spec.licence,
    }
