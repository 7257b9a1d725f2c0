"""Blind comparisons: what the page shows and hides, its script, and votes unblinded and tested."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from smartmask.cli import main as cli
from smartmask.evaluate.tasks.ab import Pair, blind, read_key, read_labels, read_pairs, read_votes, score, to_lines

RED, BLUE, GREY = (220, 20, 20), (20, 20, 220), (90, 90, 90)


def flat(colour: tuple[int, int, int], side: int = 80) -> np.ndarray:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def pairs(count: int) -> list[Pair]:
    return [Pair(f"file{i}", flat(RED), flat(BLUE), flat(GREY), f"a <dog> & {i}") for i in range(count)]


def content_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


def colour_of(uri: str) -> tuple[int, ...]:
    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    return tuple(np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))[40, 40].tolist())


def is_red(uri: str) -> bool:
    red, _, blue = colour_of(uri)
    return red > blue


# --- the page --------------------------------------------------------------------------------------


def test_the_key_says_which_side_is_which() -> None:
    page, key = blind(pairs(9), ("ours", "theirs"), seed=3)
    shown = content_of(page)
    assert shown["page"] == key["page"]
    assert [item["id"] for item in shown["pairs"]] == [f"{i:04d}" for i in range(1, 10)]
    for item in shown["pairs"]:
        assert is_red(item["left"]) == (key["left"][item["id"]] == "a")
        assert is_red(item["left"]) != is_red(item["right"])
        assert max(colour_of(item["photo"])) - min(colour_of(item["photo"])) < 10
    assert sorted(key["left"].values()) == ["a"] * 5 + ["b"] * 4  # as even as can be
    assert sorted(key["files"].values()) == [f"file{i}" for i in range(9)]
    assert list(key["files"].values()) != sorted(key["files"].values())


def test_the_page_does_not_tell() -> None:
    page, key = blind(pairs(6), ("SYSTEM-ONE", "SYSTEM-TWO"), seed=987654321)
    for secret in ("SYSTEM-ONE", "SYSTEM-TWO", "file0", "987654321"):
        assert secret not in page
    assert set(content_of(page)) == {"page", "question", "pairs"}
    assert set(content_of(page)["pairs"][0]) == {"id", "label", "left", "right", "photo"}
    assert "http" not in page.replace("</html>", "")  # nothing is loaded from elsewhere
    assert key["seed"] == 987654321


def test_notes_in_the_files_are_lost(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        notes = PngImagePlugin.PngInfo()
        notes.add_text("made-by", f"SYSTEM-{name}")
        Image.fromarray(flat(RED)).save(tmp_path / name / "x.png", pnginfo=notes)
    page, _ = blind(read_pairs(tmp_path / "a", tmp_path / "b"), ("a", "b"), 0)
    for item in content_of(page)["pairs"]:
        assert b"SYSTEM" not in base64.b64decode(item["left"].partition(",")[2])


def test_the_seed_decides() -> None:
    first, again, other = (blind(pairs(12), ("a", "b"), seed) for seed in (1, 1, 2))
    assert first == again
    assert first[1]["left"] != other[1]["left"] or first[1]["files"] != other[1]["files"]
    assert first[1]["page"] != other[1]["page"]


def test_labels_and_questions_cannot_break_out() -> None:
    evil = Pair("x", flat(RED), flat(BLUE), None, "</script><script>alert(1)</script>")
    page, _ = blind([evil], ("a", "b"), 0, question="</title><b>&")
    assert "<script>alert" not in page
    assert "</title><b>" not in page
    assert content_of(page)["pairs"][0]["label"] == evil.label
    assert content_of(page)["question"] == "</title><b>&"


def test_pictures_are_scaled_down_only() -> None:
    page, _ = blind([Pair("x", flat(RED, 300), flat(BLUE, 300)), *pairs(1)], ("a", "b"), 0, side=128)
    sizes = set()
    for item in content_of(page)["pairs"]:
        sizes.add(Image.open(io.BytesIO(base64.b64decode(item["left"].partition(",")[2]))).size)
    assert sizes == {(128, 128), (80, 80)}


def folder_of(path: Path, **pictures: np.ndarray) -> Path:
    path.mkdir()
    for name, picture in pictures.items():
        Image.fromarray(picture).save(path / f"{name}.png")
    return path


def test_unequal_folders_are_told(tmp_path: Path) -> None:
    a = folder_of(tmp_path / "a", x=flat(RED), y=flat(RED))
    with pytest.raises(ValueError, match="'y' is in only one"):
        read_pairs(a, folder_of(tmp_path / "b", x=flat(BLUE)))
    with pytest.raises(ValueError, match=r"80x80.*81x81"):
        read_pairs(a, folder_of(tmp_path / "c", x=flat(BLUE), y=flat(BLUE, 81)))
    with pytest.raises(ValueError, match="no pictures"):
        read_pairs(a, folder_of(tmp_path / "d"))
    with pytest.raises(ValueError, match="is no folder"):
        read_pairs(a, tmp_path / "nowhere")
    (tmp_path / "labels.json").write_text("[1]")
    with pytest.raises(ValueError, match="not texts by picture"):
        read_labels(tmp_path / "labels.json")


# --- its script ------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run the page's script with")
def test_the_script_keeps_and_writes_votes() -> None:
    page, _ = blind(pairs(3), ("a", "b"), 0)
    script = re.findall(r"<script>(.*?)</script>", page, re.S)[-1]
    check = """
    const pairs = [{id: "0001"}, {id: "0002"}, {id: "0003"}];
    const votes = cleaned(pairs, {"0002": "left", "0003": "maybe", "9999": "left"});
    const out = {votes: {...votes}, open: [firstOpen(pairs, votes, 0), firstOpen(pairs, votes, 1)]};
    votes["0001"] = "same";
    out.third = firstOpen(pairs, votes, 0);
    votes["0003"] = "right";
    out.done = firstOpen(pairs, votes, 2);
    out.none = cleaned(pairs, null);
    out.csv = csvOf("abc", pairs, votes);
    console.log(JSON.stringify(out));
    """
    shown = subprocess.run(["node", "-e", script + check], capture_output=True, text=True, check=True)
    out = json.loads(shown.stdout)
    assert out["votes"] == {"0002": "left"}
    assert (out["open"], out["third"], out["done"], out["none"]) == ([0, 2], 2, 2, {})
    assert out["csv"] == "page,pair,choice\nabc,0001,same\nabc,0002,left\nabc,0003,right\n"


# --- votes -----------------------------------------------------------------------------------------


KEY = {"page": "abc", "a": "ours", "b": "theirs", "left": {"0001": "a", "0002": "b", "0003": "a", "0004": "b"}}


def votes_file(path: Path, *choices: str, page: str = "abc") -> Path:
    rows = [f"{page},{i:04d},{choice}" for i, choice in enumerate(choices, 1)]
    path.write_text("\n".join(["page,pair,choice", *rows]) + "\n")
    return path


def test_votes_are_unblinded(tmp_path: Path) -> None:
    votes = read_votes(votes_file(tmp_path / "v.csv", "left", "right", "left", "same"), KEY)
    result = score(votes, KEY)
    assert result["of_votes"] == {
        "a": 3, "b": 0, "same": 1, "share_of_a": 1.0, "p": 0.25, "interval": [0.2924, 1.0]
    }  # fmt: skip
    assert (result["left_chosen"], result["right_chosen"]) == (2, 1)
    assert result["of_pairs"] == result["of_votes"]
    assert "p = 0.25" in "\n".join(to_lines(result))


def test_several_voters_count_once_a_pair(tmp_path: Path) -> None:
    files = [votes_file(tmp_path / f"{i}.csv", *row) for i, row in enumerate(
        (["left", "left"], ["left", "left"], ["right", "left"], ["left", "right"])
    )]  # fmt: skip
    result = score([vote for file in files for vote in read_votes(file, KEY)], KEY)
    assert (result["of_votes"]["a"], result["of_votes"]["b"]) == (4, 4)
    assert (result["of_pairs"]["a"], result["of_pairs"]["b"]) == (1, 1)
    assert (result["voters"], result["pairs_voted_on"], result["pairs"]) == (4, 2, 4)
    assert "not independent" in to_lines(result)[-1]
    tie = [*read_votes(files[0], KEY), *read_votes(votes_file(tmp_path / "t.csv", "right", "right"), KEY)]
    assert score(tie, KEY)["of_pairs"]["same"] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("page,pair,choice\nxyz,0001,left\n", "page xyz"),
        ("page,pair,choice\nabc,0009,left\n", "pair '0009'"),
        ("page,pair,choice\nabc,0001,up\n", "'up'"),
        ("page,pair,choice\nabc,0001,left\nabc,0001,right\n", "again"),
        ("page,pair,choice\n", "no vote"),
        ("a,b\n1,2\n", "no column 'page'"),
    ],
)
def test_bad_votes_are_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "v.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_votes(tmp_path / "v.csv", KEY)


def test_bad_keys_are_told(tmp_path: Path) -> None:
    for text in ("[]", "{}", '{"page": "x", "a": "", "b": "", "left": {"1": "c"}}', "{"):
        (tmp_path / "key.json").write_text(text)
        with pytest.raises(ValueError, match=r"key\.json"):
            read_key(tmp_path / "key.json")
    with pytest.raises(ValueError, match="does not exist"):
        read_key(tmp_path / "nowhere.json")


# --- the test --------------------------------------------------------------------------------------


def test_from_folders_to_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"p{i}" for i in range(6)]
    a = folder_of(tmp_path / "ours", **{name: flat(RED) for name in names})
    b = folder_of(tmp_path / "theirs", **{name: flat(BLUE) for name in names})
    (tmp_path / "labels.json").write_text(json.dumps({"p0": "a dog"}))
    out = tmp_path / "page"
    assert cli.main(["eval", "ab", str(a), str(b), "--out", str(out), "--labels", str(tmp_path / "labels.json")]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["key.json", "page.html"]
    content = content_of((out / "page.html").read_text("utf-8"))
    rows = [f"{content['page']},{p['id']},{'left' if is_red(p['left']) else 'right'}" for p in content["pairs"]]
    (tmp_path / "votes.csv").write_text("\n".join(["page,pair,choice", *rows]) + "\n")
    capsys.readouterr()
    line = ["eval", "ab-score", str(tmp_path / "votes.csv"), "--key", str(out / "key.json"), "--json"]
    assert cli.main(line) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["a"] == str(a)
    assert (result["of_votes"]["a"], result["of_votes"]["b"], result["of_votes"]["p"]) == (6, 0, 0.03125)


def test_wrong_folders_end_with_2_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = folder_of(tmp_path / "a", x=flat(RED))
    assert cli.main(["eval", "ab", str(a), str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "is no folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
