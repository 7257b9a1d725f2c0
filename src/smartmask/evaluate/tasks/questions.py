"""``questions``: do the words of a planner's questions tell the next object, beyond the objects that are there?

Two counters of words are fitted to training questions and asked about others'. The first knows the list of what is
drawn: its names, how many there are, the numbers of their places. The second begins with the first one's answer and
adds every other word of the question, and which names the text mentions, so that it can be better by what the text
tells alone. Both are multinomial logistic regressions, with a
weight a word and name and one for all names that are there, or mentioned; their penalty is chosen on training scenes
held out. A gain whose interval holds 0 or less says that the words tell no more; whole captions, which name what is
to come, show what the probe finds where there is something to find.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.evaluate.protocol import Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading, signed_text, table
from smartmask.io.json_text import parse_json
from smartmask.io.package import BUNDLED_TEXT
from smartmask.io.settings import required
from smartmask.metrics.intervals import bootstrap_interval
from smartmask.plan.planners.answers import INSTRUCTION

if TYPE_CHECKING:
    from smartmask.text.encoder import TextEncoder

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # of half the squared weights, for a sum of log-likelihoods
FREE = 0.1  # of the weights that all names share
FOLDS = 4
STEPS = 60  # of L-BFGS
LEAST = 3  # training questions that have a word, else it is not counted
_WORD = re.compile(r"[a-z0-9.]+")
_ROW = re.compile(r"^- (.+?)(?: at \[.*| \(hidden\))?$", re.MULTILINE)


class QuestionsSettings(ReportSettings):
    """Instructions to learn from, and others to be asked about."""

    data: Path = required("Training instructions ('smartmask data instruct').", metavar="DIR")
    check: Path = required("Instructions of unseen scenes (--split dev).", metavar="DIR")


@dataclass(frozen=True)
class Question:
    """One sample. there: names of what is drawn; listed: the words of their list; words: all others; mentioned: names
    that the others hold; answer: the next name; text: a kind of ``train/captions.py``; scene: whose it is."""

    there: tuple[str, ...]
    listed: tuple[str, ...]
    words: tuple[str, ...]
    mentioned: tuple[str, ...]
    answer: str
    text: str
    scene: str


@dataclass(frozen=True)
class Table:
    """What a counter knows of questions. words: (questions, words) 0 or 1. names: (questions, names, kinds) 0 or 1,
    with one weight a kind for all names."""

    words: np.ndarray
    names: np.ndarray

    def only(self, rows: np.ndarray) -> Table:
        return Table(self.words[rows], self.names[rows])


def read_questions(folder: Path, encoder: TextEncoder) -> list[Question]:
    """The questions of an instruction folder; errors of ``read_examples``."""
    from smartmask.train.tasks.planner_vision import read_examples

    found = []
    for example in read_examples(folder):
        asked = example.asked.replace(INSTRUCTION, "")
        there = tuple(name for name in _ROW.findall(asked) if name != "nothing")
        listed = (*there, f"{len(there)} objects", *(w for row in _ROW.finditer(asked) for w in _WORD.findall(row[0])))
        said = _WORD.findall(_ROW.sub("", asked).lower())
        pairs = [" ".join(pair) for pair in pairwise(said)]
        known = (encoder.understand(word) for word in (*said, *pairs))
        mentioned = tuple(one.name for one in known if one.how in ("name", "synonym"))
        name = str(parse_json(example.answer.encode(), "The answer")["object"])
        found.append(
            Question(there, listed, tuple(said), mentioned, name, example.text, example.image.stem.split("_")[0])
        )
    return found


def text_gain(train: Sequence[Question], unseen: Sequence[Question]) -> dict[str, Any]:
    """What words tell beyond the objects there, on unseen questions: nats a question, top-1 of both counters.

    gain: mean and 95 % interval over scenes. prior: mean log-likelihood of the names' shares alone.
    """
    names = [*sorted({one.answer for one in train}), ""]  # the last: an answer never seen in training
    index = {name: i for i, name in enumerate(names)}
    targets, asked = (np.array([index.get(q.answer, len(names) - 1) for q in part]) for part in (train, unseen))
    tables = []
    for said in (False, True):
        common = Counter(word for q in train for word in set(q.words if said else q.listed))
        known = sorted(word for word, count in common.items() if count >= LEAST)
        tables.append([_table(part, known, names, said) for part in (train, unseen)])
    _, folds = np.unique([q.scene for q in train], return_inverse=True)
    empty = [np.zeros((len(part), len(names))) for part in (train, unseen)]
    first = _fitted(tables[0], targets, folds % FOLDS, empty)
    second = _fitted(tables[1], targets, folds % FOLDS, first)
    logs = [_log_softmax(scores)[np.arange(len(asked)), asked] for scores in (first[1], second[1])]
    shares = np.bincount(targets, minlength=len(names)) + 0.5
    _, groups = np.unique([q.scene for q in unseen], return_inverse=True)
    return {
        "questions": len(asked), "gain": list(bootstrap_interval(logs[1] - logs[0], groups)),
        "top1_words": float((second[1].argmax(1) == asked).mean()),
        "top1_objects": float((first[1].argmax(1) == asked).mean()),
        "objects": float(logs[0].mean()), "words": float(logs[1].mean()),
        "prior": float(np.log(shares / shares.sum())[asked].mean()),
    }  # fmt: skip


def _table(questions: Sequence[Question], known: Sequence[str], names: Sequence[str], said: bool) -> Table:
    """Of each question which ``known`` words its list has, or with said, the rest of it; and a 1 for all.

    Of each name whether it is there, and with said, whether the text mentions it and whether it does so more often than
    it is there.
    """
    index = {word: i for i, word in enumerate(known)}
    rows = np.zeros((len(questions), len(known) + 1))
    rows[:, -1] = 1
    kinds = np.zeros((len(questions), len(names), 3 if said else 1))
    for row, kind, one in zip(rows, kinds, questions, strict=True):
        row[[index[word] for word in set(one.words if said else one.listed) if word in index]] = 1
        there, text = Counter(one.there), Counter(one.mentioned)
        for place, name in enumerate(names):
            kind[place, 0] = name in there
            if said:
                kind[place, 1:] = name in text, name in text and name not in there
    return Table(rows, kinds)


def _fitted(
    tables: Sequence[Table], targets: np.ndarray, folds: np.ndarray, start: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Scores (questions, names) of training and unseen questions by a regression that adds to the scores ``start``.

    Those of training are made by other folds, so that what is added next does not learn from their luck.
    """
    tried: list[tuple[float, float, np.ndarray]] = []
    for penalty in PENALTIES:
        apart = np.zeros_like(start[0])
        for fold in range(FOLDS):
            inside, out = folds != fold, folds == fold
            weights = _regression(tables[0].only(inside), targets[inside], start[0][inside], penalty)
            apart[out] = start[0][out] + _scores(tables[0].only(out), weights)
        loss = -float(_log_softmax(apart)[np.arange(len(targets)), targets].mean())
        tried.append((round(loss, 6), -penalty, apart))
    _, negative, apart = min(tried, key=lambda one: one[:2])
    weights = _regression(tables[0], targets, start[0], -negative)
    return [apart, start[1] + _scores(tables[1], weights)]


Weights = tuple[np.ndarray, np.ndarray]  # (words, names) and (kinds,)


def _scores(table: Table, weights: Weights) -> np.ndarray:
    found: np.ndarray = table.words @ weights[0] + table.names @ weights[1]
    return found


def _regression(table: Table, targets: np.ndarray, start: np.ndarray, penalty: float) -> Weights:
    """The weights of the least loss and penalty; those for all names, few as they are, go free."""
    import torch

    words, names, answers, base = (torch.tensor(one) for one in (table.words, table.names, targets, start))
    each = torch.zeros(words.shape[1], start.shape[1], dtype=words.dtype, requires_grad=True)
    shared = torch.zeros(names.shape[2], dtype=words.dtype, requires_grad=True)
    solver = torch.optim.LBFGS([each, shared], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Any:
        solver.zero_grad()
        loss = torch.nn.functional.cross_entropy(base + words @ each + names @ shared, answers)
        loss = loss + (penalty * each.square().sum() + FREE * shared.square().sum()) / (2 * len(answers))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)
    return each.detach().numpy(), shared.detach().numpy()


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return found


def run(settings: QuestionsSettings) -> None:
    """Whether the words of planner instructions tell the next object beyond the objects that are there.

    A row a kind of text; a gain whose interval lies above 0 means that the words give answers away.
    """
    from smartmask.text.encoder import TextEncoder

    encoder = TextEncoder.from_pretrained(BUNDLED_TEXT)
    train, unseen = read_questions(settings.data, encoder), read_questions(settings.check, encoder)
    kinds = [kind for kind in dict.fromkeys(q.text for q in train) if any(q.text == kind for q in unseen)]
    if not kinds:
        raise ValueError(f"{settings.data} and {settings.check} have no kind of text in common; make both alike.")
    found = {
        kind: text_gain([q for q in train if q.text == kind], [q for q in unseen if q.text == kind])
        for kind in sorted(kinds)
    }
    rows = [
        [kind, f["questions"], signed_text(f["gain"]), f"{f['top1_words']:.3f}", f"{f['top1_objects']:.3f}",
         f"{f['prior']:.2f}"]
        for kind, f in found.items()
    ]  # fmt: skip
    heads = ["text", "questions", "gain, nats", "top-1, words", "top-1, objects there", "prior, nats"]
    finish("questions", {**heading("questions"), "texts": found}, table(heads, rows), settings)


BENCHMARK = Benchmark("questions", QuestionsSettings, run)
