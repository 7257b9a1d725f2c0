"""The text encoder on the bundled vocabulary: what words mean, and that no text breaks it."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.io.package import BUNDLED_TEXT
from smartmask.scene.categories import COCO_PANOPTIC
from smartmask.text.encoder import FALLBACK, MAX_TEXT, NAME, TEXT_DIM, TextEncoder
from smartmask.text.words import singular, tokens

BUNDLED = BUNDLED_TEXT
VOC = str.split(
    """aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant
sheep sofa train tvmonitor"""
)
IDD = ["drivable", "non-drivable", "living things", "vehicles", "roadside objects", "far objects", "sky"]
CAMVID = str.split("sky building pole road pavement tree sign fence car pedestrian bicyclist")
ENCODER = TextEncoder.from_pretrained(BUNDLED)


def cosine(a: str, b: str) -> float:
    x, y = ENCODER.encode(a), ENCODER.encode(b)
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


@given(st.text(min_size=1, max_size=MAX_TEXT).filter(str.strip))
def test_any_text_has_a_finite_vector(text: str) -> None:
    meaning = ENCODER.understand(text)
    assert meaning.text == text
    assert meaning.vector.shape == (TEXT_DIM,)
    assert meaning.vector.dtype == np.float32
    assert np.isfinite(meaning.vector).all()
    assert (meaning.how == "fallback") <= (meaning.warning is not None and meaning.name == FALLBACK)
    context = ENCODER.encode_context(text)
    assert context.shape == (TEXT_DIM,)
    assert np.isfinite(context).all()


WORDS = st.sampled_from(
    ["a", "dog", "cats", "of", "on", "blorb", "running", "red", ",", "bäck", "left", "wine", "glasses"]
)


@given(st.lists(WORDS, min_size=1, max_size=8).map(" ".join))
def test_any_phrase_is_read(text: str) -> None:
    assert np.isfinite(ENCODER.encode(text)).all()


@given(st.sampled_from(ENCODER.names()))
def test_every_entry_is_read_as_itself(name: str) -> None:
    assert ENCODER.understand(name).name == name
    assert ENCODER.understand(f"  The {name.upper()} ").name == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Dog", "dog"),
        ("a dog", "dog"),
        ("dogs", "dog"),
        ("two dogs", "dog"),
        ("people", "person"),
        ("men", "person"),
        ("women", "person"),
        ("children", "person"),
        ("mice", "mouse"),
        ("knives", "knife"),
        ("geese", "goose"),
        ("buses", "bus"),
        ("sheep", "sheep"),
        ("scissors", "scissors"),
        ("traffic lights", "traffic light"),
        ("wine glasses", "wine glass"),
        ("glasses", "glasses"),
        ("bus_(vehicle)", "bus"),
        ("dining-table", "dining table"),
        ("diningtable", "dining table"),
        ("hotdogs", "hot dog"),
        ("motor bike", "motorcycle"),
        ("wall-other-merged", "wall"),
        ("dog 🐕", "dog"),
        ("café", "cafe"),
    ],
)
def test_names_in_other_forms(text: str, name: str) -> None:
    meaning = ENCODER.understand(text)
    assert meaning.name == name
    assert meaning.how in ("name", "synonym")
    assert meaning.warning is None


@pytest.mark.parametrize(
    ("text", "name"),
    [("couch", "sofa"), ("taxi", "cab"), ("seagull", "gull"), ("puppy", "pup"), ("hydrant", "fire hydrant")],
)
def test_synonyms_share_a_vector(text: str, name: str) -> None:
    np.testing.assert_array_equal(ENCODER.encode(text), ENCODER.encode(name))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a small black dog", "dog"),
        ("dog on a beach", "dog"),
        ("dog running", "dog"),
        ("a running dog", "dog"),
        ("dogs, cats", "dog"),
        ("man riding a horse", "person"),
        ("woman with an umbrella", "person"),
        ("a pair of red shoes", "shoe"),
        ("a group of people", "person"),
        ("cup of coffee", "cup"),
        ("side of a truck", "truck"),
        ("carSide az30deg", "car"),
        ("old running shoe", "shoe"),
        ("blorbed dog", "dog"),
    ],
)
def test_phrases_are_read_by_their_head(text: str, name: str) -> None:
    meaning = ENCODER.understand(text)
    assert (meaning.name, meaning.how, meaning.warning) == (name, "phrase", None)
    np.testing.assert_array_equal(meaning.vector, ENCODER.encode(name))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("giraff", "giraffe"),
        ("elefant", "elephant"),
        ("elefants", "elephant"),
        ("bicicle", "bicycle"),
        ("umbrela", "umbrella"),
        ("helicoptor", "helicopter"),
        ("tabel", "table"),
        ("a pink elefant", "elephant"),
    ],
)
def test_misspellings(text: str, name: str) -> None:
    meaning = ENCODER.understand(text)
    assert (meaning.name, meaning.how) == (name, "subword")
    assert meaning.warning is not None
    assert meaning.warning.endswith(f'is unknown; it is read as "{name}".')


@pytest.mark.parametrize("text", ["blorb", "собака", "!!!", "🐕", "the", "12", "q" * MAX_TEXT])
def test_unknown_words_are_an_object(text: str) -> None:
    meaning = ENCODER.understand(text)
    assert (meaning.name, meaning.how) == (FALLBACK, "fallback")
    assert not meaning.vector.any()
    assert meaning.warning is not None
    assert meaning.warning.endswith('is unknown; it is read as "object".')
    assert len(meaning.warning) < 120


def test_an_unknown_head_warns_even_where_a_noun_is_left() -> None:
    assert ENCODER.understand("dog blorb").warning == 'The word "blorb" is unknown; it is read as "dog".'
    assert ENCODER.understand("object").warning is None


@pytest.mark.parametrize("text", ["", "  \n", "\u3000"])
def test_blank_text_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="blank"):
        ENCODER.understand(text)
    assert not ENCODER.encode_context(text).any()


def test_long_text_is_an_error() -> None:
    for read in (ENCODER.understand, ENCODER.encode, ENCODER.encode_context):
        with pytest.raises(ValueError, match=r"1001 characters; at most 1000"):
            read("a" * (MAX_TEXT + 1))
    with pytest.raises(ValueError, match="not int"):
        ENCODER.understand(3)  # type: ignore[arg-type]


def test_neighbours_make_sense() -> None:
    assert cosine("cat", "dog") > cosine("cat", "truck") + 0.2
    assert cosine("snowy", "snow") > 0.5
    assert cosine("surfer", "person") > cosine("surfer", "boat")
    assert cosine("beach", "sand") > cosine("beach", "oven")
    stuff = [ENCODER.encode(name) for _, name, thing in COCO_PANOPTIC if not thing]
    rms = np.sqrt(np.mean(np.square(stuff), axis=1))
    assert np.all((rms > 0.5) & (rms < 1.5))


def test_context() -> None:
    assert not ENCODER.encode_context(None).any()
    assert not ENCODER.encode_context("of the and").any()
    np.testing.assert_allclose(
        ENCODER.encode_context("a dog on the dog").astype(float),
        ENCODER.encode("dog") / np.sqrt(np.mean(ENCODER.encode("dog") ** 2)),
        atol=1e-5,
    )
    sentence = ENCODER.encode_context("A hot dog on a wooden table.")
    assert np.sqrt(np.mean(sentence**2)) == pytest.approx(1, abs=1e-4)
    assert sentence @ ENCODER.encode("hot dog") > sentence @ ENCODER.encode("dog")


def test_returned_vectors_cannot_spoil_the_vocabulary() -> None:
    before = ENCODER.encode("zebra").copy()
    ENCODER.encode("zebra")[:] = 0
    ENCODER.encode_context("zebra")[:] = 0
    np.testing.assert_array_equal(ENCODER.encode("zebra"), before)
    with pytest.raises(ValueError, match="read-only"):
        ENCODER.understand("zebra").vector[0] = 1


@pytest.mark.parametrize("name", [*VOC, *IDD, *CAMVID, *(name for _, name, _ in COCO_PANOPTIC)])
def test_data_sets_names_are_known(name: str) -> None:
    meaning = ENCODER.understand(name)
    assert meaning.how in ("name", "synonym")
    assert meaning.vector.any()


def test_coco_categories_are_told_apart() -> None:
    vectors = np.stack([ENCODER.encode(name) for _, name, _ in COCO_PANOPTIC])
    assert len(np.unique(vectors, axis=0)) == len(COCO_PANOPTIC)


def test_vectors_that_weights_were_trained_on_are_unchanged() -> None:
    """After a rebuild on purpose: retrain the bundled networks, then write the new digest here."""
    vectors = np.stack([ENCODER.encode(name) for _, name, _ in COCO_PANOPTIC])
    digest = hashlib.sha1(vectors.astype("<f4").tobytes()).hexdigest()
    assert digest == "6fbea7e6e2af754b5dc5a4419a96d984872d3b2b"


def test_lists_of_real_names_are_known(data_root: Path) -> None:
    folder = data_root / "text" / "clip_names"
    names = [c["name"] for c in json.loads((folder / "lvis_v1_train_cat_info.json").read_text())]
    with open(folder / "Objects365_names_fix.csv", newline="") as file:
        names += [row[2] for row in csv.reader(file)]
    assert [n for n in names if ENCODER.understand(n).how not in ("name", "synonym")] == []


# --- files -----------------------------------------------------------------------------------


def test_bundled_files_are_small_and_quick() -> None:
    files = {path.name: path.stat().st_size for path in BUNDLED.iterdir()}
    assert set(files) == {"config.json", "vocabulary.safetensors"}
    assert sum(files.values()) < 2_500_000
    times = []
    for _ in range(5):
        start = time.perf_counter()
        TextEncoder.from_pretrained(BUNDLED)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


def test_no_torch_is_imported() -> None:
    code = "import sys; import smartmask.text.encoder; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_round_trip_is_bit_equal(tmp_path: Path) -> None:
    ENCODER.save_pretrained(tmp_path / "a")
    again = TextEncoder.from_pretrained(tmp_path / "a")
    assert again.names() == ENCODER.names()
    for text in ("dog", "beach", "sofa", "giraff", "blorb", "a red bus"):
        mine, other = ENCODER.understand(text), again.understand(text)
        assert (mine.name, mine.how, mine.warning) == (other.name, other.how, other.warning)
        assert mine.vector.tobytes() == other.vector.tobytes()
    again.save_pretrained(tmp_path / "b")
    for name in ("config.json", "vocabulary.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["config.json", "vocabulary.safetensors"]


def test_missing_and_damaged_folders_say_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"lacks config\.json"):
        TextEncoder.from_pretrained(tmp_path)
    ENCODER.save_pretrained(tmp_path)
    (tmp_path / "vocabulary.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(ValueError, match="damaged"):
        TextEncoder.from_pretrained(tmp_path)
    ENCODER.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        TextEncoder.from_pretrained(tmp_path)


def test_a_vocabulary_that_does_not_fit_is_an_error() -> None:
    row, kind = np.ones((1, TEXT_DIM)), np.array([NAME])
    with pytest.raises(ValueError, match="shape"):
        TextEncoder(["a", "b"], row, kind, {})
    with pytest.raises(ValueError, match="not finite"):
        TextEncoder(["a"], row * np.nan, kind, {})
    with pytest.raises(ValueError, match="synonym"):
        TextEncoder(["a"], row, kind, {"b": 1})
    assert not TextEncoder(["a"], row, kind, {}).encode("zzzz").any()  # without an entry "object" too


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plural", "single"),
    [
        ("berries", "berry"),
        ("benches", "bench"),
        ("boxes", "box"),
        ("leaves", "leaf"),
        ("firemen", "fireman"),
        ("grass", "grass"),
        ("bus", "bus"),
        ("horses", "horse"),
        ("tomatoes", "tomato"),
        ("wives", "wife"),
        ("skis", "skis"),
    ],
)
def test_singular(plural: str, single: str) -> None:
    assert singular(plural) == single
    assert singular(single) == single


def test_tokens() -> None:
    assert tokens("The dog's T-shirt, Ångström!") == ["the", "dog", "t", "shirt", "angstrom"]
    assert tokens("a, b", punctuation=True) == ["a", ",", "b"]
    assert tokens("собака 犬") == []
