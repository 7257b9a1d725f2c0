"""``smartmask eval paper-table``, ``ab`` and ``ab-score``: the papers' table and user studies with our results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smartmask.cli.evaluate.console import JsonOption, OutOption, finish, heading, listed

QUESTION = "Which picture looks better?"


def paper_table(
    reports: Annotated[
        list[Path] | None,
        typer.Argument(metavar="REPORT", help="Reports of 'eval insertion', or their folders."),
    ] = None,
    masks: Annotated[
        str, typer.Option(metavar="NAMES", help="Rows of whose masks, separated by commas; all: 'all'.")
    ] = "all",
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """The SmartMask paper's table: its published rows, ours from reports, and what differs."""
    from dataclasses import asdict

    from smartmask.evaluate.paper_table import PUBLISHED, differences, our_rows, read_report
    from smartmask.evaluate.paper_table import paper_table as table_lines

    read = [read_report(path) for path in reports or ()]
    makers = None if masks == "all" else listed(masks)
    rows = [*PUBLISHED, *(row for report in read for row in our_rows(report, makers))]
    told = differences(read, len(rows) > len(PUBLISHED))
    result = {**heading("paper-table"), "rows": [asdict(row) for row in rows], "differences": told}
    finish("paper_table", result, table_lines(read, makers), out, as_json)


def ab(
    a: Annotated[Path, typer.Argument(metavar="DIR_A", help="Pictures of one system.")],
    b: Annotated[Path, typer.Argument(metavar="DIR_B", help="Pictures of the other, under the same names.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for page.html and key.json.")],
    photos: Annotated[Path | None, typer.Option(metavar="DIR", help="The photos before, shown beside pairs.")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="JSON", help="Texts shown above pairs, by name.")] = None,
    question: Annotated[str, typer.Option(metavar="TEXT", help="What is asked.")] = QUESTION,
    seed: Annotated[int | None, typer.Option(help="Of sides and order; by default drawn, and kept in the key.")] = None,
    side: Annotated[int, typer.Option(help="Pixels of the longer side of the pictures on the page.")] = 640,
) -> None:
    """A blind comparison of two folders of pictures: a page to vote in, and the key to keep back.

    Hand out page.html alone: it holds its pictures and everything else. Voters save their votes as CSV.
    """
    import secrets

    from smartmask.evaluate.ab_page import blind, read_labels, read_pairs
    from smartmask.io.checks import check_prompt, check_seed
    from smartmask.io.files import save_json
    from smartmask.io.publish import staging

    number = secrets.randbelow(2**32) if seed is None else check_seed(seed)
    pairs = read_pairs(a, b, photos, None if labels is None else read_labels(labels))
    page, key = blind(pairs, (str(a), str(b)), number, check_prompt(question, "question"), side)
    with staging(out) as folder:
        (folder / "page.html").write_text(page, encoding="utf-8")
        save_json({**heading("ab"), **key}, folder / "key.json")
    print(f"{len(pairs)} pairs in {out / 'page.html'} ({len(page) / 2**20:.1f} MiB)")
    print(f"keep {out / 'key.json'} back until the votes are in")


def ab_score(
    votes: Annotated[list[Path], typer.Argument(metavar="CSV", help="The votes, one file a voter.")],
    key: Annotated[Path, typer.Option(metavar="JSON", help="The page's key.json.")],
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Votes unblinded: shares of both systems, and an exact binomial test."""
    from smartmask.evaluate.ab_votes import read_key, read_votes, score, to_lines

    content = read_key(key)
    result = score([vote for file in votes for vote in read_votes(file, content)], content)
    finish("ab_score", {**heading("ab-score"), **result}, to_lines(result), out, as_json)
