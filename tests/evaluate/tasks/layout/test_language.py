"""A language model's box layouts: LayoutGPT's files, its lines, and a server that is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chat_server import ChatServer

from smartmask.cli.main import main
from smartmask.data.splits import coco_key, split_of
from smartmask.evaluate.tasks.layout.language import (
    ask_language_model,
    plain_name,
    read_boxes,
    read_examples,
    read_lines,
)
from smartmask.evaluate.tasks.layout.prompts import Prompt, layout_figures, read_prompts
from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.planners.endpoint import URL
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
LINES = (
    "cat {width: 64px; height: 64px; left: 0px; top: 96px; }\ndog {height: 64px; width: 64px; top: 96px; left: 192px; }"
)
IMAGE = next(number for number in range(1, 100) if split_of(coco_key(number)) == "test")


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """A folder like NSR-1K's: one spatial and one counting prompt, and a training prompt."""
    box = [0.1, 0.1, 0.2, 0.2]
    side = {"id": 1, "image_id": IMAGE, "prompt": "a cat to the left of a dog", "relation": "left", "type": "template",
            "obj1": ["cat", box], "obj2": ["dog", box]}  # fmt: skip
    two = {"id": 2, "image_id": IMAGE, "prompt": "two cats", "num_object": [["cat", 2]], "sub-type": "single-category"}
    (tmp_path / "spatial.val.json").write_text(json.dumps([side]))
    (tmp_path / "counting.val.json").write_text(json.dumps([two]))
    (tmp_path / "spatial.train.json").write_text(json.dumps([{**side, "prompt": "a cup to the left of a fork"}]))
    return tmp_path


def test_lines_become_boxes() -> None:
    drawn = read_lines(
        "Layout:\n" + LINES + "\n- 2. a teddy-bear3: {left: 200px; top: 0px; width: 100px; height: 25.6px}\n"
        "cup {left: 300px; top: 0px; width: 9px; height: 9px}\nI hope {this} helps\nrug {width: 3px; height: 4px}"
    )
    assert [name for name, _ in drawn] == ["cat", "dog", "teddy bear"]
    assert drawn[1][1] == (0.75, 0.375, 1.0, 0.625)
    assert drawn[2][1] == pytest.approx((200 / 256, 0, 1, 0.1)), "cut at the border"


@pytest.mark.parametrize(("given", "plain"), [("The Hot-Dog_2", "hot dog"), ("a", "a"), ("person1", "person")])
def test_names_are_made_plain(given: str, plain: str) -> None:
    assert plain_name(given) == plain


def test_layoutgpt_files_are_judged(prompts: Path, tmp_path: Path) -> None:
    """Of two answers one is right; the counting prompt has none, and counts only where the file has others of it."""
    left, right = [0.0, 0.4, 0.2, 0.6], [0.8, 0.4, 1.0, 0.6]
    good = {"query_id": 1, "iter": 0, "object_list": [["a cat", left], ["dog", right], [None, left]]}
    bad = {"query_id": 1, "iter": 1, "object_list": [["cat", right], ["dog", left], ["cat", [0, 0, 0, 0]]]}
    path = tmp_path / "gpt.json"
    path.write_text(json.dumps([good, bad]))
    known = read_prompts(prompts)
    figures = layout_figures(known, {"gpt": read_boxes(path, known)}, TEXT)["gpt"]
    assert set(figures) == {"spatial", "spatial, template"}
    assert figures["spatial"]["right"] == 0.5
    assert figures["spatial"]["class_precision"] == 1
    path.write_text(json.dumps([good, {"id": 7, "text": LINES}]))
    three = [*known, Prompt("three cats", {"cat": 3}, None, "counting, single-category", number=7)]
    figures = layout_figures(three, {"gpt": read_boxes(path, three)}, TEXT)["gpt"]
    assert figures["counting"]["prompts"] == 2, "the one without an answer counts as an empty layout"
    assert figures["counting"]["class_recall"] == pytest.approx((1 / 3 + 0) / 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("{", "not valid JSON"),
        ("[1]", "output format"),
        ('[{"query_id": 1, "object_list": [["cat", [0, 1]]]}]', "output format"),
        ('[{"query_id": 99, "object_list": []}]', "no layout of these"),
    ],
)
def test_other_files_are_refused(content: str | None, said: str, prompts: Path, tmp_path: Path) -> None:
    path = tmp_path / "gpt.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=said):
        read_boxes(path, read_prompts(prompts))


def test_a_model_is_asked(prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole command with a server on this machine: examples are shown, answers judged and kept."""
    with ChatServer([LINES, "I cannot."]) as server:
        monkeypatch.setenv(URL, server.url)
        out = tmp_path / "out"
        assert main(["eval", "layout", "--data", str(prompts), "--ask", "endpoint:some", "--out", str(out)]) == 0
    said = [message["content"] for message in server.asked[0]["messages"]]
    assert "256px wide" in said[0]
    assert said[1] == "Prompt: a cup to the left of a fork\nLayout:"
    assert said[2].splitlines()[0] == "cat {width: 51px; height: 51px; left: 26px; top: 26px; }"
    assert said[3] == "Prompt: a cat to the left of a dog\nLayout:"
    report = json.loads((out / "layout.json").read_text())
    judged = report["systems"]["endpoint:some"]
    assert (judged["spatial"]["right"], judged["counting"]["right"]) == (1, 0)
    assert report["asked"][0]["object_list"][1] == ["dog", [0.75, 0.375, 1.0, 0.625]]
    (tmp_path / "kept.json").write_text(json.dumps(report["asked"]))
    again = layout_figures(
        read_prompts(prompts), {"kept": read_boxes(tmp_path / "kept.json", read_prompts(prompts))}, TEXT
    )
    assert again["kept"]["spatial"]["right"] == 1, "what was kept can be judged again"


def test_a_model_that_is_away(prompts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatServer([]) as server:
        monkeypatch.setenv(URL, server.url)
        model = ask_language_model("endpoint:some", TEXT, prompts)
        prompt = read_prompts(prompts)[0]
        assert model(prompt, 0) == [[]]
        assert model(prompt, 0) == [[]]
        assert model.unanswered == 2
        with pytest.raises(ValueError, match=r"HTTP 500.*3 times"):
            model(prompt, 0)


def test_bad_requests(prompts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL, raising=False)
    assert main(["eval", "layout", "--data", str(prompts), "--ask", "gpt"]) == 2
    assert "no language model" in capsys.readouterr().err
    assert main(["eval", "layout", "--data", str(prompts), "--ask", "endpoint:some"]) == 2
    assert URL in capsys.readouterr().err
    assert main(["eval", "layout", "--pack", "pack.parquet", "--ask", "endpoint:some"]) == 2
    assert "--data" in capsys.readouterr().err
    (prompts / "spatial.train.json").write_text("[3]")
    with pytest.raises(ValueError, match="not in NSR-1K's format"):
        read_examples(prompts, "spatial")


def test_blank_lines_take_no_time_and_say_nothing() -> None:
    """Each line is read by itself: an answer of blanks once took hours."""
    assert read_lines("\n" * 20_000) == []
    assert read_lines("-\n" * 20_000 + LINES) == read_lines(LINES)


def test_boxes_that_are_none(prompts: Path, tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps([{"query_id": 1, "object_list": [["12", [0, 0, 1, 1]], ["cat", [0, 0, 0.5, 0.5]]]}]))
    (drawn,) = read_boxes(path, read_prompts(prompts))(read_prompts(prompts)[0], 0)
    assert [name for name, _ in drawn] == ["cat"], "a number is no name"
    for text, said in (
        ('[{"query_id": 1, "object_list": [["cat", [0, 0, NaN, 1]]]}]', "NaN is no number"),
        ('[{"query_id": 1e400, "object_list": []}]', "too large"),
        ('[{"query_id": "x", "object_list": []}]', "not in LayoutGPT's output format"),
        ("[3]", "not in LayoutGPT's output format"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            read_boxes(path, read_prompts(prompts))
    with pytest.raises(ValueError, match="it is a folder"):
        read_boxes(tmp_path, read_prompts(prompts))
