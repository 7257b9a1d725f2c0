"""``study make`` and ``study score``: pictures of several systems judged in the blind, and the answers scored."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smartmask.evaluate.protocol import Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading, interval_text, signed_text, table
from smartmask.evaluate.tasks.study.answers import attentive, checks_of, comparisons_of, read_all, read_key
from smartmask.evaluate.tasks.study.pictures import named_folders, read_items, read_labels
from smartmask.evaluate.tasks.study.questions import make_page
from smartmask.evaluate.tasks.study.scores import agreement, places, scores
from smartmask.io.checks import check_prompt, check_seed
from smartmask.io.publish import save_json, save_text, staging
from smartmask.io.settings import Settings, argument, option, required
from smartmask.io.terminal import say

QUESTION = "Which picture looks better?"


class StudySettings(Settings):
    """Folders of pictures, and what is asked of them."""

    systems: tuple[str, ...] = argument("Pictures of each system, under the same names.", metavar="[NAME=]DIR")
    out: Path = required("Folder for page.html and key.json.", metavar="DIR")
    photos: Path | None = option(None, "The photos before, shown above.", metavar="DIR")
    labels: Path | None = option(None, "Texts shown above, by picture.", metavar="JSON")
    question: str = option(QUESTION, "What is asked.", metavar="TEXT")
    design: str = option("pairs", "pairs: two pictures a question; ranking: all of them, to be put in order.")
    questions: int = option(0, "At most so many questions, balanced; 0: all.", ge=0)
    checks: int = option(2, "Questions with a spoilt picture among them, to see who looks.", ge=0)
    seed: int | None = option(None, "Of sides, places and order; by default drawn, and kept in the key.")
    side: int = option(512, "Pixels of the longer side of the pictures on the page.")


class StudyScoreSettings(ReportSettings):
    """Answers, and the key that unblinds them."""

    answers: tuple[Path, ...] = argument("The answers, one file a judge.", metavar="JSON")
    key: Path = required("The page's key.json.", metavar="JSON")
    attention: float = option(1.0, "Share of the checks that a judge has to pass to count.", ge=0, le=1)


def run(settings: StudySettings) -> None:
    """A blind study of two or more systems: a page to judge on, and the key to keep back.

    Hand out page.html alone: it holds its pictures and everything else, and works without a network. Judges save their
    answers as one file each.
    """
    number = secrets.randbelow(2**32) if settings.seed is None else check_seed(settings.seed)
    folders = named_folders(settings.systems)
    labels = None if settings.labels is None else read_labels(settings.labels)
    items = read_items(folders, settings.photos, labels)
    question = check_prompt(settings.question, "question")
    page, key = make_page(
        items, list(folders), number, question, design=settings.design, limit=settings.questions or None,
        checks=settings.checks, side=settings.side,
    )  # fmt: skip
    about = {"folders": {name: str(folder) for name, folder in folders.items()}}
    with staging(settings.out) as folder:
        save_text(page, folder / "page.html")
        save_json({**heading("study make"), **about, **key}, folder / "key.json")
    say(f"{len(key['questions'])} questions in {settings.out / 'page.html'} ({len(page) / 2**20:.1f} MiB)")
    say(f"keep {settings.out / 'key.json'} back until the answers are in")


def run_score(settings: StudyScoreSettings) -> None:
    """Answers unblinded: preference shares and Bradley-Terry strengths, with intervals over judges and items."""
    key = read_key(settings.key)
    answers = read_all(settings.answers, key)
    checks = checks_of(answers, key)
    kept = attentive(checks, settings.attention)
    counted = [answer for answer in answers if answer.judge in kept]
    compared = comparisons_of(counted, key)
    found = scores(compared, key["systems"])
    asked = [answer for answer in counted if key["questions"][answer.question]["spoilt"] is None]
    report = {
        **heading("study score"),
        "study": key["study"],
        "design": key["design"],
        "questions": sum(told["spoilt"] is None for told in key["questions"].values()),
        "items": len({one.item for one in compared}),
        "judges": len({one.judge for one in compared}),
        "left_out": sorted(set(checks) - kept),
        "checks": checks,
        **found,
        "agreement": agreement(compared),
        "mean_rank_by_place": places(asked),
    }
    finish("study", report, to_lines(report), settings)


def to_lines(report: Mapping[str, Any]) -> list[str]:
    """The report for people, best first."""
    judged = f"{report['judges']} judge{'s' if report['judges'] != 1 else ''} on {report['items']} items"
    lines = [f"# A study of {len(report['systems'])} systems: {judged}", ""]
    order = sorted(report["systems"], key=lambda name: (-report["systems"][name]["strength"][0], name))
    rows = [_row(name, report["systems"][name]) for name in order]
    lines += table(["system", "preferred", "strength", "best in resamples", "comparisons"], rows)
    lines += ["", *_pair_lines(report["pairs"]), ""]
    lines.append("Intervals: 95 %, judges and items drawn again together. Equal answers count half.")
    if report["judges"] < 2:
        lines.append("One judge alone says nothing of other judges: the intervals are over items only.")
    if report["left_out"]:
        lines.append(f"Left out, since they failed attention checks: {', '.join(report['left_out'])}.")
    met = report["agreement"]
    if met["share"] is not None:
        lines.append(f"Two judges said the same of the same pictures in {met['share']:.0%} of {met['pairs']} cases.")
    ranks = ", ".join(f"{rank:.2f}" for rank in report["mean_rank_by_place"])
    lines.append(f"Mean rank by place on the page: {ranks}; judges who look go by no place.")
    return lines


def _row(name: str, found: Mapping[str, Any]) -> list[str]:
    shares, strength = interval_text(found["share"]), signed_text(found["strength"], 2)
    return [name, shares, strength, f"{found['best']:.0%}", str(found["comparisons"])]


def _pair_lines(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = []
    for pair in pairs:
        items, said = pair["items"], f"{pair['won']} / {pair['equal']} / {pair['lost']}"
        majority = f"{items['won']} / {items['undecided']} / {items['lost']}"
        rows.append([" over ".join(pair["of"]), interval_text(pair["share"]), said, majority, f"{items['p']:.3g}"])
    heads = ["pair", "preferred", "won / equal / lost", "items by majority", "p of the items"]
    return table(heads, rows)


BENCHMARK = Benchmark("study make", StudySettings, run)
SCORE = Benchmark("study score", StudyScoreSettings, run_score)
