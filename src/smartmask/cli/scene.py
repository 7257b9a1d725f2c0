"""``smartmask scene``: edits of a saved scene, each undone again by ``undo``, and exports of it."""

from __future__ import annotations

import sys

import typer

from smartmask.cli.command import command_of
from smartmask.export.job import SceneExport
from smartmask.io.terminal import say
from smartmask.scene import edit
from smartmask.scene.edit import SceneEdit


def _run(request: SceneEdit) -> None:
    scene, history = request.run()
    for index, layer in enumerate(scene.layers):
        say(f"{index:3d}  {layer.name}")
    steps = "1 step" if len(history) == 1 else f"{len(history)} steps"
    say(f"{len(scene.layers)} layers and {steps} in {request.out or request.scene}")


def _export(request: SceneExport) -> None:
    for note in request.run():
        say(f"smartmask: note: {note}", file=sys.stderr)
    say(f"{request.format} in {request.out}")


EDITS = (edit.Move, edit.Scale, edit.Remove, edit.Reorder, edit.Rename, edit.Undo)

app = typer.Typer(help="Edit a saved scene, or export it.", no_args_is_help=True)
for _edit in EDITS:
    app.command(_edit.__name__.lower(), help=_edit.__doc__)(command_of(_edit, _run))
app.command("export", help=SceneExport.__doc__)(command_of(SceneExport, _export))
