"""Study pages: which pictures stand where, what the page hides, its script, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import random
import re
import shutil
import subprocess
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from smartmask.cli import main as cli
from smartmask.evaluate.tasks.study.pictures import Item, named_folders, read_items, read_labels, spoilt
from smartmask.evaluate.tasks.study.questions import draw_questions, make_page

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220)}
SYSTEMS = tuple(COLOURS)


def flat(colour: tuple[int, int, int], side: int = 80) -> np.ndarray:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def items(count: int, systems: tuple[str, ...] = SYSTEMS) -> list[Item]:
    made = {system: flat(COLOURS[system]) for system in systems}
    return [Item(f"file{i}", made, flat((90, 90, 90)), f"a <dog> & {i}") for i in range(count)]


def content_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


def decoded(uri: str) -> np.ndarray:
    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def system_of(uri: str) -> str:
    """The system whose colour a flat picture has."""
    picture = decoded(uri)
    return SYSTEMS[int(picture[40, 40].argmax())] if picture.std(axis=(0, 1)).max() < 5 else "spoilt"


# --- the questions ---------------------------------------------------------------------------------


def test_pairs_are_balanced_whole_and_cut_short() -> None:
    whole = draw_questions(SYSTEMS, 10, "pairs", None, 0, random.Random(3))
    assert len({(q.item, frozenset(q.systems)) for q in whole}) == len(whole) == 30
    for pair in combinations(SYSTEMS, 2):
        firsts = Counter(q.systems[0] for q in whole if set(q.systems) == set(pair))
        assert set(firsts.values()) == {5}, "each on the left in half of its questions"
    short = draw_questions(SYSTEMS, 10, "pairs", 12, 0, random.Random(3))
    assert Counter(frozenset(q.systems) for q in short) == {frozenset(p): 4 for p in combinations(SYSTEMS, 2)}
    assert len({q.item for q in short}) == 10, "every item before one comes twice"


def test_rankings_show_every_system_at_every_place() -> None:
    asked = draw_questions(SYSTEMS, 6, "ranking", None, 0, random.Random(0))
    assert sorted(q.item for q in asked) == list(range(6))
    for place in range(3):
        assert Counter(q.systems[place] for q in asked) == dict.fromkeys(SYSTEMS, 2)


def test_checks_are_added_and_known_to_the_key_alone() -> None:
    page, key = make_page(items(4), SYSTEMS, 5, "Which?", checks=3)
    checks = {code: told for code, told in key["questions"].items() if told["spoilt"] is not None}
    assert (len(key["questions"]), len(checks)) == (4 * 3 + 3, 3)
    content = content_of(page)
    assert "spoilt" not in page
    for question in content["questions"]:
        seen = [system_of(content["pictures"][slot]) for slot in question["shown"]]
        told = key["questions"][question["id"]]
        wanted = ["spoilt" if slot == told["spoilt"] else name for slot, name in enumerate(told["systems"])]
        assert seen == wanted, "the key says which picture is whose"
    with pytest.raises(ValueError, match="no design 'stars'"):
        draw_questions(SYSTEMS, 2, "stars", None, 0, random.Random(0))


def test_a_spoilt_picture_is_another_picture() -> None:
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 255, 64 * 48 * 3).reshape(64, 48, 3).astype(np.uint8)
    ruined = spoilt(smooth, 1)
    assert ruined.shape == smooth.shape
    assert np.abs(ruined.astype(int) - smooth).mean() > 40
    np.testing.assert_array_equal(ruined, spoilt(smooth, 1))
    assert spoilt(rng.integers(0, 256, (5, 3, 3), dtype=np.uint8), 0).shape == (5, 3, 3)  # smaller than its blocks


# --- the page --------------------------------------------------------------------------------------


def test_the_page_does_not_tell() -> None:
    made = [Item(f"file{i}", {f"SYSTEM-{s}": flat(c) for s, c in COLOURS.items()}) for i in range(3)]
    page, key = make_page(made, list(made[0].pictures), 987654321, "Which?", checks=1)
    for secret in ("SYSTEM", "file0", "987654321"):
        assert secret not in page
    content = content_of(page)
    assert set(content) == {"study", "design", "question", "questions", "pictures"}
    assert set(content["questions"][0]) == {"id", "label", "photo", "shown"}
    assert "http://" not in page
    assert "https://" not in page
    assert key["seed"] == 987654321
    # where a picture lies among the pictures does not say whose it is
    ranks: dict[str, list[int]] = {}
    for question in content["questions"]:
        for slot, system in zip(question["shown"], key["questions"][question["id"]]["systems"], strict=True):
            ranks.setdefault(system, []).append(slot)
    assert all(min(some) < len(content["pictures"]) / 2 for some in ranks.values())


def test_the_seed_decides() -> None:
    first, again, other = (make_page(items(6), SYSTEMS, seed, "Which?") for seed in (1, 1, 2))
    assert first == again
    assert first[1]["questions"] != other[1]["questions"]
    assert first[1]["study"] != other[1]["study"]


def test_labels_and_questions_cannot_break_out() -> None:
    evil = Item(
        "x", {name: flat(colour) for name, colour in COLOURS.items()}, None, "</script><script>alert(1)</script>"
    )
    page, _ = make_page([evil], SYSTEMS, 0, "</title><b>&")
    assert "<script>alert" not in page
    assert "</title><b>" not in page
    content = content_of(page)
    assert (content["questions"][0]["label"], content["question"]) == (evil.label, "</title><b>&")
    assert content["questions"][0]["photo"] is None


def folder_of(path: Path, **pictures: np.ndarray) -> Path:
    path.mkdir()
    for name, picture in pictures.items():
        Image.fromarray(picture).save(path / f"{name}.png")
    return path


def test_notes_in_the_files_are_lost_and_pictures_only_shrink(tmp_path: Path) -> None:
    for name, side in (("a", 300), ("b", 300)):
        notes = PngImagePlugin.PngInfo()
        notes.add_text("made-by", f"SYSTEM-{name}")
        (tmp_path / name).mkdir()
        Image.fromarray(flat(COLOURS["red"], side)).save(tmp_path / name / "x.png", pnginfo=notes)
        Image.fromarray(flat(COLOURS["red"])).save(tmp_path / name / "y.png", pnginfo=notes)
    page, _ = make_page(
        read_items(named_folders([str(tmp_path / "a"), str(tmp_path / "b")])), ["a", "b"], 0, "?", side=128
    )
    pictures = content_of(page)["pictures"]
    assert {decoded(uri).shape for uri in pictures} == {(128, 128, 3), (80, 80, 3)}
    for uri in pictures:
        assert b"SYSTEM" not in base64.b64decode(uri.partition(",")[2])
    with pytest.raises(ValueError, match="at least 64"):
        make_page(items(1), SYSTEMS, 0, "?", side=32)


def test_unequal_folders_are_told(tmp_path: Path) -> None:
    a = folder_of(tmp_path / "a", x=flat(COLOURS["red"]), y=flat(COLOURS["red"]))
    b = folder_of(tmp_path / "b", x=flat(COLOURS["blue"]), y=flat(COLOURS["blue"], 81))
    with pytest.raises(ValueError, match="lacks 'y'"):
        read_items({"a": a, "c": folder_of(tmp_path / "c", x=flat(COLOURS["blue"]))})
    with pytest.raises(ValueError, match=r"80x80.*81x81"):
        read_items({"a": a, "b": b})
    with pytest.raises(ValueError, match="no pictures"):
        read_items({"a": a, "d": folder_of(tmp_path / "d")})
    with pytest.raises(ValueError, match="is no folder"):
        read_items({"a": a, "e": tmp_path / "nowhere"})
    with pytest.raises(ValueError, match="two systems or more"):
        named_folders([str(a)])
    with pytest.raises(ValueError, match="called 'a'"):
        named_folders(["a=x", "a=y"])
    assert named_folders(["ours=one/dir", "two/theirs"]) == {"ours": Path("one/dir"), "theirs": Path("two/theirs")}
    (tmp_path / "labels.json").write_text("[1]")
    with pytest.raises(ValueError, match="not texts by picture"):
        read_labels(tmp_path / "labels.json")


# --- its script ------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run the page's script with")
def test_the_script_ranks_keeps_and_writes_answers() -> None:
    page, _ = make_page(items(3), SYSTEMS, 0, "?", design="ranking")
    script = re.findall(r"<script>(.*?)</script>", page, re.S)[-1]
    check = """
    const questions = [1, 2, 3, 4, 5].map((i) => ({id: "q" + i, shown: [0, 1, 2]}));
    const out = {pair: chosen("pairs", [null, null], 1)};
    let ranks = chosen("ranking", [null, null, null], 2);
    out.one = ranks;
    out.again = chosen("ranking", ranks, 2);
    ranks = chosen("ranking", ranks, 0);
    out.whole = ranks;
    out.undone = [undone(ranks), undone(out.one)];
    out.complete = [complete(ranks), complete(out.one), complete(undefined)];
    const stored = {q2: {ranks: [1, 0, 2], seconds: 3}, q3: {ranks: [0, 1]}, q4: {ranks: [0, null, 1]}, q9: 1};
    const kept = cleaned(questions, stored);
    out.kept = Object.keys(kept);
    out.open = [firstOpen(questions, kept, 0), firstOpen(questions, kept, 1)];
    const judges = ["0123456789abcdef", "0123456789abcdef", "fedcba9876543210"];
    out.orders = judges.map((judge) => ordered(questions, judge).map((q) => q.id));
    out.file = JSON.parse(exported({study: "s", questions: questions}, "j", kept));
    console.log(JSON.stringify(out));
    """
    shown = subprocess.run(["node", "-e", script + check], capture_output=True, text=True, check=True)
    out = json.loads(shown.stdout)
    assert out["pair"] == [1, 0]
    assert (out["one"], out["again"], out["whole"]) == ([None, None, 0], [None, None, 0], [1, 2, 0])
    assert out["undone"] == [[None, None, 0], [None, None, None]]
    assert out["complete"] == [True, False, False]
    assert (out["kept"], out["open"]) == (["q2"], [0, 2])
    assert out["orders"][0] == out["orders"][1] != out["orders"][2]
    assert sorted(out["orders"][2]) == ["q1", "q2", "q3", "q4", "q5"]
    assert out["file"] == {
        "format": "smartmask-study-answers", "study": "s", "judge": "j",
        "answers": [{"question": "q2", "ranks": [1, 0, 2], "seconds": 3}],
    }  # fmt: skip


# --- the command -----------------------------------------------------------------------------------


def test_wrong_folders_end_with_2_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = folder_of(tmp_path / "a", x=flat(COLOURS["red"]))
    assert cli.main(["eval", "study", "make", str(a), str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "is no folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
