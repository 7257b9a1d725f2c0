"""``smartmask eval attributes`` and ``attributes-score``: do words of pose, view, direction, part and number act?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smartmask.cli.evaluate.console import JsonOption, LicencesOption, OutOption, finish, heading, listed, progress
from smartmask.cli.options import WeightsOption

KEY, ANSWERS, PICTURE = "attributes_key.json", "attributes_answers.json", "attributes.png"


def attributes(
    out: Annotated[Path, typer.Option(metavar="DIR", help=f"Folder for {PICTURE}, {KEY} and {ANSWERS} to fill in.")],
    pairs: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 20,
    words: Annotated[str, typer.Option(help="Only pairs of these words, separated by commas.")] = "",
    num_masks: Annotated[int, typer.Option(min=1, help="Suggestions asked for, of which the first is shown.")] = 8,
    seed: Annotated[int, typer.Option(help="Of pairs, suggestions and sides.")] = 0,
    licences: LicencesOption = None,
    weights: WeightsOption = None,
) -> None:
    """Pairs of first suggestions that differ by one word, shuffled, to be told apart in the blind."""
    from smartmask.evaluate.attributes_pairs import key_of_pairs, make_pairs, pairs_of_seed, pairs_picture
    from smartmask.evaluate.systems import load_pipeline
    from smartmask.image.files import save_png
    from smartmask.io.files import save_json
    from smartmask.io.publish import staging

    wanted = pairs_of_seed(seed, pairs, listed(words))
    pipe = load_pipeline(weights, licences)
    with progress("pairs", len(wanted)) as advance:
        made = make_pairs(pipe, wanted, seed, num_masks, advance)
    with staging(out) as folder:
        save_png(pairs_picture(made), folder / PICTURE)
        save_json({**heading("attributes"), "seed": seed, "pairs": key_of_pairs(made)}, folder / KEY)
        save_json({str(number): "" for number in range(1, len(made) + 1)}, folder / ANSWERS)
    print(f"{len(made)} pairs in {out / PICTURE}; write left or right into {out / ANSWERS}")


def attributes_score(
    key: Annotated[Path, typer.Argument(metavar="KEY", help=f"{KEY} of 'smartmask eval attributes'.")],
    answers: Annotated[Path, typer.Argument(metavar="ANSWERS", help=f"{ANSWERS}, filled in.")],
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """How many pairs somebody told rightly, by word."""
    from smartmask.evaluate.attributes_pairs import pair_lines, score_pairs
    from smartmask.io.files import read_json

    about, said = read_json(key), read_json(answers)
    if not isinstance(about, dict) or not isinstance(about.get("pairs"), list):
        raise ValueError(f"{key} is no key of 'smartmask eval attributes'; give its {KEY}.")
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise ValueError(f"{answers} is no JSON object of sides by number; fill in {ANSWERS}.")
    found = score_pairs(about["pairs"], said)
    report: dict[str, Any] = {**heading("attributes-score"), **found}
    finish("attributes_score", report, ["# Words told apart in the blind", "", *pair_lines(found)], out, as_json)
