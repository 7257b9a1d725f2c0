"""``smartmask train traits``: how well pose, view and direction are told, and how many outlines carry each trait."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer


def traits(
    curated: Annotated[Path, typer.Option(metavar="PARQUET", help="The outlines of 'smartmask data curate'.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scores as JSON.")] = None,
) -> None:
    """Traits of remembered outlines from labels judged by eye; what is printed is told on sources not learned from."""
    from smartmask.data.traits import ASPECTS
    from smartmask.io.files import save_json
    from smartmask.train.traits import GROUPS, SURE, learn_traits, read_outlines, trait_scores

    data = read_outlines(curated)
    told, report = learn_traits(data)
    scores = trait_scores(data, told)
    print(f"{len(data.keys):,} outlines, {sum(map(bool, data.words)):,} with a label.")
    for aspect in ASPECTS:
        for group, words in report.accuracy[aspect].items():
            if words:
                right, count = (sum(pair[i] for pair in words.values()) for i in (0, 1))
                kept = report.kept[aspect][group].values()
                sure_right, sure = (sum(pair[i] for pair in kept) for i in (0, 1))
                by_word = ", ".join(f"{word} {a}/{b}" for word, (a, b) in words.items())
                where = f"{sure_right / max(sure, 1):.2f} of {sure} told with {SURE} or more"
                print(f"{aspect}, {group}: {right / count:.2f} of {count}; {where}; {by_word}")
    for index, group in enumerate(GROUPS):
        mine = [scores[key] for key, own in zip(data.keys, data.groups, strict=True) if own == index]
        counts = Counter(f"{'not ' * (v < 0)}{trait}" for one in mine for trait, v in one.items())
        print(f"{group} ({len(mine)}): " + ", ".join(f"{trait} {count}" for trait, count in sorted(counts.items())))
    if out is not None:
        save_json({"/".join(map(str, key)): one for key, one in sorted(scores.items())}, out)
        print(out)
