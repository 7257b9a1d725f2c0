"""``ab`` and ``ab-score``: two folders of pictures compared in the blind, and the votes unblinded."""

from __future__ import annotations

import secrets
from pathlib import Path

from smartmask.evaluate.protocol import Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading
from smartmask.evaluate.tasks.ab.page import QUESTION, SIDE, blind, read_labels, read_pairs
from smartmask.evaluate.tasks.ab.votes import read_key, read_votes, score, to_lines
from smartmask.io.checks import check_prompt, check_seed
from smartmask.io.files import save_json
from smartmask.io.publish import staging
from smartmask.io.settings import Settings, argument, option, required


class AbSettings(Settings):
    """Two folders of pictures, and what is asked of them."""

    a: Path = argument("Pictures of one system.", metavar="DIR_A")
    b: Path = argument("Pictures of the other, under the same names.", metavar="DIR_B")
    out: Path = required("Folder for page.html and key.json.", metavar="DIR")
    photos: Path | None = option(None, "The photos before, shown beside pairs.", metavar="DIR")
    labels: Path | None = option(None, "Texts shown above pairs, by name.", metavar="JSON")
    question: str = option(QUESTION, "What is asked.", metavar="TEXT")
    seed: int | None = option(None, "Of sides and order; by default drawn, and kept in the key.")
    side: int = option(SIDE, "Pixels of the longer side of the pictures on the page.")


class AbScoreSettings(ReportSettings):
    """Votes, and the key that unblinds them."""

    votes: tuple[Path, ...] = argument("The votes, one file a voter.", metavar="CSV")
    key: Path = required("The page's key.json.", metavar="JSON")


def run(settings: AbSettings) -> None:
    """A blind comparison of two folders of pictures: a page to vote in, and the key to keep back.

    Hand out page.html alone: it holds its pictures and everything else. Voters save their votes as CSV.
    """
    number = secrets.randbelow(2**32) if settings.seed is None else check_seed(settings.seed)
    labels = None if settings.labels is None else read_labels(settings.labels)
    pairs = read_pairs(settings.a, settings.b, settings.photos, labels)
    question = check_prompt(settings.question, "question")
    page, key = blind(pairs, (str(settings.a), str(settings.b)), number, question, settings.side)
    with staging(settings.out) as folder:
        (folder / "page.html").write_text(page, encoding="utf-8")
        save_json({**heading("ab"), **key}, folder / "key.json")
    print(f"{len(pairs)} pairs in {settings.out / 'page.html'} ({len(page) / 2**20:.1f} MiB)")
    print(f"keep {settings.out / 'key.json'} back until the votes are in")


def run_score(settings: AbScoreSettings) -> None:
    """Votes unblinded: shares of both systems, and an exact binomial test."""
    content = read_key(settings.key)
    result = score([vote for file in settings.votes for vote in read_votes(file, content)], content)
    finish("ab_score", {**heading("ab-score"), **result}, to_lines(result), settings)


BENCHMARK = Benchmark("ab", AbSettings, run)
SCORE = Benchmark("ab-score", AbScoreSettings, run_score)
