"""Building the vocabulary: on a tiny folder in the real format, and on the real one where it is there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smartmask.scene.categories import COCO_PANOPTIC
from smartmask.text.encoder import NAME, NOUN, OTHER, TEXT_DIM, TextEncoder
from smartmask.train.vocabulary.build import build, build_vocabulary, cross_validate, ppmi, whiten
from smartmask.train.vocabulary.long_tail import LONG_TAIL
from smartmask.train.vocabulary.sources import normal, read_corpus, read_sources
from smartmask.train.vocabulary.tables import MIXTURES, SAME

LVIS = [
    ("bat_(animal)", 3, "nocturnal mammal with wings", ["bat_(animal)", "flying_mouse"]),
    ("octopus_(food)", 1, "tentacles prepared as food", ["octopus_(food)"]),
    ("octopus_(animal)", 5, "bottom-living animal with eight tentacles", ["octopus_(animal)"]),
    ("puppy", 9, "a young dog", ["puppy"]),
    ("dog", 90, "a domesticated animal that barks", ["dog", "hound_dog"]),
]
O365 = ["Dog", "Handbag/Satchel", "Tea pot"]


def rows(count: int, seed: int, size: int = 48) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (5 + rng.normal(size=(count, size))).astype(np.float16)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("smartmask.train.vocabulary.build.NGRAMS", 64)  # seconds, also on a busy machine
    clip = tmp_path / "clip_names"
    clip.mkdir()
    things = [name for _, name, thing in COCO_PANOPTIC if thing]
    np.save(clip / "coco_clip_a+cname.npy", rows(len(things), 0))
    np.save(clip / "lvis_v1_clip_a+cname.npy", rows(len(LVIS), 1))
    np.save(clip / "o365_clip_a+cnamefix.npy", rows(len(O365), 2))
    lvis = [
        {"id": i + 1, "name": name, "image_count": count, "def": text, "synonyms": synonyms}
        for i, (name, count, text, synonyms) in enumerate(LVIS)
    ]
    (clip / "lvis_v1_train_cat_info.json").write_text(json.dumps(lvis))
    (clip / "Objects365_names_fix.csv").write_text("".join(f"{i},{n},{n}\n" for i, n in enumerate(O365, 1)))
    captions = [
        f"A {size} {animal} {verb} on the {place}."
        for size in ("small", "large")
        for animal in ("dog", "cat", "hot dog", "hound dog")
        for verb in ("sits", "sleeping")
        for place in ("grass", "beach", "road")
    ]
    notes = [{"image_id": i // 4, "id": i, "caption": caption} for i, caption in enumerate(captions)]
    (tmp_path / "coco_captions_val2017.json").write_text(json.dumps({"annotations": notes}))
    return tmp_path


def test_sources(folder: Path) -> None:
    sources = read_sources(folder)
    assert {"bat", "octopus", "octopus food", "handbag satchel", "tea pot", "teddy bear"} <= set(sources.clip)
    assert sources.synonyms["bat animal"] == "bat"
    assert sources.synonyms["flying mouse"] == "bat"
    assert sources.synonyms["satchel"] == "handbag satchel"
    np.testing.assert_array_equal(sources.clip["octopus"], rows(len(LVIS), 1)[2])  # the commoner one has the bare name
    np.testing.assert_array_equal(sources.clip["dog"], rows(80, 0)[16])  # COCO's row before LVIS's
    corpus = read_corpus(sources)
    assert corpus.counts["hot dog"] == 12
    assert corpus.counts["dog"] == 12
    assert {"grass", "beach"} <= corpus.noun
    assert not {"small", "sleeping"} & corpus.noun


def test_build_prints_writes_and_repeats(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(folder, tmp_path / "one")
    printed = capsys.readouterr().out
    for approach in ("mean vector", "n-grams", "captions", "both"):
        assert approach in printed
    build(folder, tmp_path / "two")
    for name in ("config.json", "vocabulary.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    encoder = TextEncoder.from_pretrained(tmp_path / "one")
    for name in ("dog", "teddy bear", "grass", "beach", "octopus food", "vehicle", "object"):
        assert name in encoder.names()
    for text in ("hound dog", "tvmonitor", "living things", "drivable"):
        assert encoder.understand(text).how in ("name", "synonym")


def test_kinds(folder: Path) -> None:
    encoder = build_vocabulary(folder, say=lambda line: None)
    kinds = dict(zip(encoder.names(), encoder._kinds.tolist(), strict=True))
    assert (kinds["dog"], kinds["grass"], kinds["small"]) == (NAME, NAME, OTHER)
    assert set(kinds.values()) <= {NAME, NOUN, OTHER}


def test_missing_file_is_named(folder: Path) -> None:
    (folder / "clip_names" / "o365_clip_a+cnamefix.npy").unlink()
    with pytest.raises(FileNotFoundError, match="o365_clip"):
        build_vocabulary(folder)


def test_rows_that_do_not_match_names_are_an_error(folder: Path) -> None:
    np.save(folder / "clip_names" / "coco_clip_a+cname.npy", rows(79, 0))
    with pytest.raises(ValueError, match="79 name vectors do not go with 80 names"):
        build_vocabulary(folder)


def test_whiten() -> None:
    many = whiten(rows(400, 3, 160))
    assert many.shape == (400, TEXT_DIM)
    np.testing.assert_allclose(np.mean(many**2), 1)
    np.testing.assert_allclose(many.mean(axis=0), 0, atol=1e-6)
    spread = many.std(axis=0)
    assert spread.max() < 2 * spread.min()
    few = whiten(rows(20, 4, 160))
    assert few.shape == (20, TEXT_DIM)
    assert np.isfinite(few).all()
    narrow = whiten(rows(80, 5, 64))
    assert narrow.shape == (80, TEXT_DIM)
    assert not narrow[:, 64:].any()


def test_ppmi() -> None:
    table = ppmi(np.array([[8.0, 0, 0], [0, 4, 4], [0, 0, 0]]))
    assert np.isfinite(table).all()
    assert (table >= 0).all()
    assert table[0, 0] > 0 == table[0, 1]


def test_cross_validation_sees_signal_and_none() -> None:
    rng = np.random.default_rng(0)
    names = [f"word{i}" for i in range(300)]
    features, weights = rng.normal(size=(300, 10)), rng.normal(size=(10, TEXT_DIM))
    told = cross_validate(names, features, features @ weights, features @ weights)
    blind = cross_validate(names, np.ones((300, 1)), features @ weights, features @ weights)
    assert told["top1"] > 0.95 > 0.1 > blind["top1"]
    assert told["cosine"] > 0.95 > 0.2 > blind["cosine"]


def test_tables_are_in_normal_form() -> None:
    for name in [*SAME, *SAME.values(), *MIXTURES, *LONG_TAIL]:
        assert normal(name) == name


@pytest.mark.slow
@pytest.mark.timeout(1800)  # ten seconds alone, minutes beside a training run
def test_real_folder(data_root: Path) -> None:
    lines: list[str] = []
    encoder = build_vocabulary(data_root / "text", say=lambda line: lines.append(str(line)))
    scores = {line[:12].strip(): float(line.split("cosine ")[1][:5]) for line in lines if "cosine" in line}
    assert scores["both"] > max(scores["n-grams"], scores["captions"]) > 0.2 > scores["mean vector"]
    known = {*encoder.names(), *encoder._synonyms}
    assert {word for recipe in [*MIXTURES.values(), *LONG_TAIL.values()] for word in recipe} <= known
