"""``smartmask memory``: the remembered outlines, bundled and the user's own: add, list, show, remove."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartmask.cli.options import LicencesOption, MemoryOption, WeightsOption, step_progress

if TYPE_CHECKING:
    from smartmask.masks.exemplar.memory import Memory

app = typer.Typer(name="memory", help="Look after the remembered outlines; add your own.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
OWN = "own"  # the tier of what the user added
_SHOWN_NAMES = 4  # names of a set that a line lists


@app.callback()
def _common() -> None:
    pass


@app.command()
def add(
    path: Annotated[
        Path,
        typer.Argument(metavar="FOLDER|FILE", help="PNG masks (white on black, or opaque), or a COCO instances JSON."),
    ],
    set_name: Annotated[
        str | None, typer.Option("--set", metavar="NAME", help="What to call them; the folder's name by default.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What all of them show; otherwise folders, files or categories tell."),
    ] = None,
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Their licence.")] = "own",
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a set of that name.")] = False,
    memory: MemoryOption = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remember outlines of your own: they are suggested like the bundled ones.

    dog/001.png and dog_001.png are dogs; "dog sitting" is found when a sitting dog is asked for.
    """
    from smartmask.io.components import load_component
    from smartmask.masks.exemplar.choose import Chooser, ChooserConfig
    from smartmask.masks.exemplar.files import load_memories, load_text
    from smartmask.masks.exemplar.own_add import add_own

    root = _weights_root(weights)
    text, chooser = load_text(root), load_component(root / "chooser", Chooser, ChooserConfig)
    with step_progress("outlines") as on_step:
        added = add_own(
            path, text, chooser, folder=memory, set_name=set_name, licence=licence, name=name, replace=replace,
            bundled={name for part in load_memories(root).values() for name, _ in part.sets}, progress=on_step,
        )  # fmt: skip
    if as_json:
        result = {
            "set": added.set, "file": str(added.file), "licence": added.licence, "outlines": added.outlines,
            "names": dict(added.names), "cut": added.cut, "left_out": added.left_out, "notes": list(added.notes),
        }  # fmt: skip
        print(json.dumps(result, indent=2))
        return
    for note in added.notes:
        print(f"smartmask: note: {note}", file=sys.stderr)
    told = _shortened([f"{name} {count}" for name, count in added.names], 3 * _SHOWN_NAMES)
    print(f"{_counted(added.outlines, 'outline')} remembered as '{added.set}' in {added.file.parent}: {told}")


@app.command("list")
def list_sets(
    licences: LicencesOption = "all",
    memory: MemoryOption = None,
    weights: WeightsOption = None,
    as_card: Annotated[
        bool, typer.Option("--card", help="The bundled sets as a model card's tables, with how many names are known.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The sets of remembered outlines, bundled and your own, with counts and licences."""
    from smartmask.io.checks import check_licences, is_open
    from smartmask.masks.exemplar.card import card
    from smartmask.masks.exemplar.own import own_sets

    check_licences(licences)
    if as_card:
        print(card(_bundled(weights, licences)))
        return
    rows: list[dict[str, Any]] = []
    for tier, bundled in _bundled(weights, licences).items():
        rows += _rows_of(bundled, tier)
    notes = []
    for item in own_sets(memory):
        if item.damaged:
            notes.append(f"{item.damaged.rstrip('.')}, or 'smartmask memory remove {item.name}'.")
        elif licences == "all" or is_open(item.licence):
            rows.append(_row(item.name, OWN, item.licence, item.outlines, item.cut, dict(item.names)))
    if as_json:
        print(json.dumps({"sets": rows, "notes": notes}, indent=2))
        return
    for note in notes:
        print(f"smartmask: note: {note}", file=sys.stderr)
    width = max((len(row["set"]) for row in rows), default=0)
    for row in rows:
        told = _shortened(list(row["names"]), _SHOWN_NAMES)
        print(f"{row['set']:<{width}}  {row['tier']:<8} {row['outlines']:>6,}  {row['licence']}: {told}")
    print(f"{_counted(sum(row['outlines'] for row in rows), 'outline')} in {_counted(len(rows), 'set')}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the outlines show, such as 'dog'.")],
    out: Annotated[Path, typer.Option(metavar="PNG", help="The contact sheet to write.")],
    most: Annotated[int, typer.Option(min=1, max=2000, help="How many outlines at the most.")] = 96,
    licences: LicencesOption = "all",
    memory: MemoryOption = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the outlines of a name on one sheet, your own first, then the clearest of the bundled ones."""
    import numpy as np

    from smartmask.image.files import save_png
    from smartmask.io.checks import check_licences, check_prompt, is_open
    from smartmask.io.files import output_file
    from smartmask.masks.exemplar.files import load_text
    from smartmask.masks.exemplar.memory import join, read_memory
    from smartmask.masks.exemplar.names import remembered_name
    from smartmask.masks.exemplar.own import own_files
    from smartmask.masks.exemplar.sheet import outline_sheet

    check_licences(licences)
    check_prompt(name, "name")
    output_file(out, ".png")
    own = [read_memory(file) for file in own_files(memory)]
    own = [item for item in own if licences == "all" or all(is_open(licence) for _, licence in item.sets)]
    known = join([*own, *_bundled(weights, licences).values()])
    meaning = load_text(_weights_root(weights)).understand(name)
    found = remembered_name(known, meaning)
    rows = known.rows(found)
    if not len(rows):
        raise ValueError(f"No outline of '{found}' is remembered; 'smartmask memory add' brings your own.")
    first = rows < sum(map(len, own))
    order = rows[np.lexsort((rows, -known.quality[rows].astype(int), ~first))][:most]
    save_png(outline_sheet(known, order.tolist()), out)
    sets = _rows_of(known.select(rows), "")
    counts = {row["set"]: row["outlines"] for row in sets}
    if as_json:
        result = {"name": found, "outlines": len(rows), "shown": len(order), "sets": counts, "out": str(out)}
        print(json.dumps(result, indent=2))
        return
    told = ", ".join(f"{set_name} {count}" for set_name, count in counts.items())
    print(f"{len(order)} of {_counted(len(rows), 'outline')} of '{found}' drawn in {out} ({told})")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="SET", help="The set's name, as 'smartmask memory list' tells it.")],
    memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget a set of your own. Bundled sets stay; '--licences open' leaves out those without an open licence."""
    from smartmask.masks.exemplar.own import remove_own

    file = remove_own(name, memory)
    print(json.dumps({"removed": name, "file": str(file)}, indent=2) if as_json else f"'{name}' is forgotten ({file})")


def _weights_root(weights: Path | None) -> Path:
    from smartmask.io.package import BUNDLED_MASKS
    from smartmask.masks.exemplar.files import read_index

    root = BUNDLED_MASKS if weights is None else weights
    read_index(root)
    return root


def _bundled(weights: Path | None, licences: str) -> dict[str, Memory]:
    """``{tier: memory}`` of a folder of weights."""
    from smartmask.masks.exemplar.files import load_memories

    return load_memories(_weights_root(weights), licences)


def _rows_of(memory: Memory, tier: str) -> list[dict[str, Any]]:
    """A record for each set of a memory, largest first."""
    import numpy as np

    from smartmask.masks.exemplar.own import counted

    rows = []
    for index, (name, licence) in enumerate(memory.sets):
        part = memory.select(np.flatnonzero(memory.set == index))
        rows.append(_row(name, tier, licence, len(part), int((part.cut > 0).sum()), dict(counted(part))))
    return sorted(rows, key=lambda row: (-row["outlines"], row["set"]))


def _row(name: str, tier: str, licence: str, outlines: int, cut: int, names: dict[str, int]) -> dict[str, Any]:
    return {"set": name, "tier": tier, "licence": licence, "outlines": outlines, "cut": cut, "names": names}


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _shortened(items: list[str], most: int) -> str:
    """ "dog, cat and 3 more"."""
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
