"""``ab`` and ``ab-score``: two folders of pictures compared in the blind, and the votes unblinded.

``ab.html`` is the page of a comparison: HTML, style and script in one, with nothing loaded from anywhere. ``@TITLE@``
and ``@CONTENT@`` are filled in. Votes stay in the browser's own storage until they are saved as CSV.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import random
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from smartmask.evaluate.protocol import Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading
from smartmask.image.composition import resize, side_size
from smartmask.image.files import load_photo
from smartmask.io.checks import check_prompt, check_seed
from smartmask.io.publish import save_json, save_text, staging
from smartmask.io.reading import read_json, read_rows, read_text
from smartmask.io.settings import Settings, argument, option, required
from smartmask.io.terminal import say
from smartmask.metrics.intervals import binomial_test, exact_interval

PAGE = Path(__file__).with_suffix(".html")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
SIDE = 640  # pixels of the longer side on the page
QUALITY = 92
QUESTION = "Which picture looks better?"
CHOICES = ("left", "right", "same")
HEADS = ("page", "pair", "choice")


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


@dataclass(frozen=True, eq=False)
class Pair:
    """Two pictures of one name: (H, W, 3) uint8 each; photo: what they were made from, or None; label: said above."""

    name: str
    a: np.ndarray
    b: np.ndarray
    photo: np.ndarray | None = None
    label: str = ""


def pictures_in(folder: str | Path) -> dict[str, Path]:
    """``{stem: file}`` of a folder's pictures. Raises ValueError for no folder, no picture, or a stem twice."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"'{folder}' is no folder; give a folder of pictures.")
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in SUFFIXES:
            if file.stem in found:
                raise ValueError(f"'{folder}' has '{found[file.stem].name}' and '{file.name}'; keep one of them.")
            found[file.stem] = file
    if not found:
        raise ValueError(f"'{folder}' has no pictures; they end in {', '.join(SUFFIXES)}.")
    return found


def read_pairs(
    a: str | Path, b: str | Path, photos: str | Path | None = None, labels: Mapping[str, str] | None = None
) -> list[Pair]:
    """The pictures that both folders have, by file name without suffix.

    Raises ValueError if there is none, if a picture stands in one folder only, or if two differ in size.
    """
    left, right = pictures_in(a), pictures_in(b)
    alone = sorted(set(left) ^ set(right))
    if alone:
        raise ValueError(
            f"'{alone[0]}' is in only one of '{a}' and '{b}' ({len(alone)} such); give them the same names."
        )
    originals = {} if photos is None else pictures_in(photos)
    pairs = []
    for name in sorted(left):
        one, two = load_photo(left[name]), load_photo(right[name])
        if one.shape != two.shape:
            raise ValueError(
                f"'{left[name]}' is {one.shape[1]}x{one.shape[0]}, but '{right[name]}' is "
                f"{two.shape[1]}x{two.shape[0]}; compare pictures of one size."
            )
        photo = load_photo(originals[name]) if name in originals else None
        pairs.append(Pair(name, one, two, photo, (labels or {}).get(name, "")))
    return pairs


def read_labels(path: str | Path) -> dict[str, str]:
    """``{picture's name without suffix: text}``. Raises ValueError for anything else."""
    labels = read_json(Path(path), "labels")
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        raise ValueError(f'The labels \'{path}\' are not texts by picture; give JSON such as {{"0001": "a dog"}}.')
    return labels


def blind(
    pairs: Sequence[Pair], names: tuple[str, str], seed: int, question: str = QUESTION, side: int = SIDE
) -> tuple[str, dict[str, Any]]:
    """(HTML page, key). names: what A and B are called in the key; the page knows neither names nor files.

    The order of the pairs and the sides are drawn from ``seed``; A stands on the left in half of the pairs (one more
    or less for an odd number). The seed is in the key only, as it would unblind the page. Pictures are encoded anew,
    so that notes in their files do not tell either.
    """
    if side < 64:
        raise ValueError(f"Pictures of {side} pixels are too small to judge; use at least 64.")
    rng = random.Random(seed)
    order = list(range(len(pairs)))
    sides = [("a", "b")[i % 2] for i in range(len(pairs))]
    rng.shuffle(order)
    rng.shuffle(sides)
    shown, left, files = [], {}, {}
    for number, (index, first) in enumerate(zip(order, sides, strict=True), 1):
        pair, code = pairs[index], f"{number:04d}"
        pictures = (pair.a, pair.b) if first == "a" else (pair.b, pair.a)
        photo = None if pair.photo is None else _uri(pair.photo, side)
        halves = {"left": _uri(pictures[0], side), "right": _uri(pictures[1], side)}
        shown.append({"id": code, "label": pair.label, **halves, "photo": photo})
        left[code], files[code] = first, pair.name
    page = hashlib.sha256(json.dumps([question, shown]).encode()).hexdigest()[:16]
    content = json.dumps({"page": page, "question": question, "pairs": shown}).replace("<", "\\u003c")
    text = read_text(PAGE).replace("@TITLE@", html.escape(question)).replace("@CONTENT@", content)
    return text, {"page": page, "seed": seed, "a": names[0], "b": names[1], "left": left, "files": files}


def _uri(picture: np.ndarray, side: int) -> str:
    height, width = picture.shape[:2]
    scaled = resize(picture, *side_size(height, width, min(side, max(height, width))))
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(scaled)).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


@dataclass(frozen=True)
class Vote:
    """What one person said of one pair; voter: the file it came from."""

    pair: str
    choice: str
    voter: str


def read_key(path: str | Path) -> dict[str, Any]:
    """The key that ``eval ab`` wrote: page, a, b, left ({pair: "a" or "b"}). Raises ValueError for anything else."""
    key = read_json(Path(path), "key")
    left = key.get("left") if isinstance(key, dict) else None
    if not isinstance(left, dict) or not {"page", "a", "b"} <= set(key) or not set(left.values()) <= {"a", "b"}:
        raise ValueError(f"'{path}' is no key of a page of 'eval ab'; give its key.json.")
    return key


def read_votes(path: str | Path, key: Mapping[str, Any]) -> list[Vote]:
    """The votes of one file, as the page downloads it.

    Raises ValueError for votes of another page, unknown pairs or choices, and a pair voted on twice.
    """
    votes: dict[str, Vote] = {}
    for number, row in enumerate(read_rows(path, HEADS, "file of votes"), 2):
        if row["page"] != key["page"]:
            raise ValueError(
                f"Line {number} of '{path}' is a vote on page {row['page']}; the key is for {key['page']}."
            )
        if row["pair"] not in key["left"] or row["choice"] not in CHOICES:
            raise ValueError(
                f"Line {number} of '{path}' says '{row['choice']}' of pair '{row['pair']}'; "
                f"choices are {', '.join(CHOICES)}, and the pairs are the key's."
            )
        if row["pair"] in votes:
            raise ValueError(f"Line {number} of '{path}' votes on pair '{row['pair']}' again; keep one vote a pair.")
        votes[row["pair"]] = Vote(row["pair"], row["choice"], str(path))
    if not votes:
        raise ValueError(f"The votes '{path}' hold no vote.")
    return list(votes.values())


def score(votes: Sequence[Vote], key: Mapping[str, Any]) -> dict[str, Any]:
    """Shares of both systems, and two exact two-sided sign tests.

    of_votes: every vote counts as one, which is right for one voter only: votes of several people on one pair are
    not independent. of_pairs: each pair is one trial, won by the majority of its votes. Votes of "same" and
    pairs without a majority are counted, and left out of the tests.
    """
    winners = [(vote.pair, winner(vote, key)) for vote in votes]
    majority = []
    for pair in sorted({pair for pair, _ in winners}):
        counts = Counter(who for name, who in winners if name == pair and who != "same")
        lead = counts["a"] - counts["b"]
        majority.append("a" if lead > 0 else "b" if lead < 0 else "same")
    return {
        "a": key["a"],
        "b": key["b"],
        "page": key["page"],
        "pairs": len(key["left"]),
        "pairs_voted_on": len(majority),
        "voters": len({vote.voter for vote in votes}),
        "of_votes": tally(who for _, who in winners),
        "of_pairs": tally(majority),
        "left_chosen": sum(vote.choice == "left" for vote in votes),
        "right_chosen": sum(vote.choice == "right" for vote in votes),
    }


def winner(vote: Vote, key: Mapping[str, Any]) -> str:
    """a, b or same."""
    if vote.choice == "same":
        return "same"
    left = str(key["left"][vote.pair])
    return left if vote.choice == "left" else {"a": "b", "b": "a"}[left]


def tally(winners: Iterable[str]) -> dict[str, Any]:
    """Counts of a, b and same; a's share among decided ones with its 95 % interval; the test's p."""
    counts = Counter(winners)
    a, decided = counts["a"], counts["a"] + counts["b"]
    found: dict[str, Any] = {"a": a, "b": counts["b"], "same": counts["same"]}
    found["share_of_a"] = round(a / decided, 4) if decided else None
    found["interval"] = [round(edge, 4) for edge in exact_interval(a, decided)] if decided else None
    found["p"] = binomial_test(a, decided)
    return found


def to_lines(result: Mapping[str, Any]) -> list[str]:
    """The result for people."""
    lines = [f"A: {result['a']}", f"B: {result['b']}"]
    lines.append(f"{result['pairs_voted_on']} of {result['pairs']} pairs voted on by {result['voters']} voter(s)")
    for name, what in (("of_votes", "votes"), ("of_pairs", "pairs, by majority")):
        part = result[name]
        said = f"{what}: A {part['a']}, B {part['b']}, same {part['same']}"
        if part["interval"] is not None:
            low, high = part["interval"]
            said += f"; A wins {part['share_of_a']:.1%} [{low:.1%}, {high:.1%}] of the decided, p = {part['p']:.3g}"
        lines.append(said)
    if result["voters"] > 1:
        lines.append("Votes of several people on one pair are not independent: go by the line of pairs.")
    return lines


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
        save_text(page, folder / "page.html")
        save_json({**heading("ab"), **key}, folder / "key.json")
    say(f"{len(pairs)} pairs in {settings.out / 'page.html'} ({len(page) / 2**20:.1f} MiB)")
    say(f"keep {settings.out / 'key.json'} back until the votes are in")


def run_score(settings: AbScoreSettings) -> None:
    """Votes unblinded: shares of both systems, and an exact binomial test."""
    content = read_key(settings.key)
    result = score([vote for file in settings.votes for vote in read_votes(file, content)], content)
    finish("ab_score", {**heading("ab-score"), **result}, to_lines(result), settings)


BENCHMARK = Benchmark("ab", AbSettings, run)
SCORE = Benchmark("ab-score", AbScoreSettings, run_score)
