"""Labels of pose, view and direction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smartmask.data.splits import split_of
from smartmask.data.traits import ASPECTS, POSE_TRAITS, aspect_of, azimuth_words, read_labels, scores_of


def test_a_pose_excludes_the_others() -> None:
    scores = scores_of("sitting side left")
    assert scores["sitting"] == scores["side"] == scores["left"] == 1
    assert scores["standing"] == scores["lying"] == scores["front"] == scores["bust"] == -1
    assert scores_of("right") == {"left": -1}
    assert scores_of("") == {}


def test_scores_are_in_range_and_vague_outlines_have_no_pose() -> None:
    for words in ASPECTS.values():
        for word in words:
            assert all(-1 <= score <= 1 for score in scores_of(word).values())
    for word in ("group", "unclear", "bust"):
        assert all(scores_of(word)[pose] < 0 for pose in POSE_TRAITS)


def test_frontal_speaks_for_both() -> None:
    scores = scores_of("frontal")
    assert scores["front"] == scores["behind"] > 0 > scores["side"]


@pytest.mark.parametrize(
    ("azimuth", "words"),
    [
        (0.0, "front"), (350.0, "front"), (180.0, "behind"), (90.0, "side right"), (270.0, "side left"),
        (40.0, "oblique right"), (140.0, "oblique right"), (220.0, "oblique left"), (None, ""),
    ],
)  # fmt: skip
def test_models_bring_their_view(azimuth: float | None, words: str) -> None:
    assert azimuth_words("dog", azimuth) == words
    assert azimuth_words("tree", azimuth) == ""
    scores_of(words)


def test_labels_of_the_authors_are_of_the_training_split() -> None:
    labels = read_labels()
    assert len(labels) > 2000
    assert {aspect_of(word) for words in labels.values() for word in words.split()} == set(ASPECTS)
    assert {split_of(source) for _, source, _ in labels} == {"train"}


@pytest.mark.parametrize(
    ("key", "words", "message"),
    [("voc/1", "standing", "names no outline"), ("voc/a/x", "standing", "names no outline"),
     ("voc/a/0", "standing tall", "'tall' is no word")],
)  # fmt: skip
def test_broken_labels(tmp_path: Path, key: str, words: str, message: str) -> None:
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({"outlines": {key: words}}), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_labels(file)


def test_sources_may_hold_slashes(tmp_path: Path) -> None:
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({"outlines": {"voc/a/b/3": "lying"}}), encoding="utf-8")
    assert read_labels(file) == {("voc", "a/b", 3): "lying"}
