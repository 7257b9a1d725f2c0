"""The probe of planner questions: it finds answers that the text gives away, and none where it gives none."""

from __future__ import annotations

import numpy as np

from smartmask.evaluate.tasks.questions import Question, text_gain

NAMES = ("dog", "cat", "car", "cup", "tree", "boat")


def questions(count: int, seed: int, tells: bool) -> list[Question]:
    """Scenes of two objects, the second likely given the first; the text names the next one, or any."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        first = int(rng.integers(len(NAMES)))
        follows = (first + 1) % len(NAMES) if rng.random() < 0.6 else int(rng.integers(len(NAMES)))
        mentioned = NAMES[follows] if tells else NAMES[int(rng.integers(len(NAMES)))]
        words = ("scene", "with", mentioned)
        found.append(Question((NAMES[first],), (NAMES[first], "1 objects"), words, (mentioned,), NAMES[follows], "t",
                              f"{seed}-{number}"))  # fmt: skip
    return found


def test_a_text_that_names_the_next_object_is_found_out() -> None:
    told = text_gain(questions(200, 0, True), questions(80, 1, True))
    assert told["gain"][1] > 0.3
    assert told["top1_words"] > 0.9 > told["top1_objects"] > 1 / len(NAMES)


def test_a_text_that_tells_nothing_gains_nothing() -> None:
    told = text_gain(questions(200, 0, False), questions(80, 1, False))
    assert told["gain"][1] <= 0
    assert abs(told["gain"][0]) < 0.1
    assert told["objects"] > told["prior"], "what is there tells more than the shares of names"
