"""NSR-1K's rules and prompts, and the figures of layouts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.evaluate.tasks.layout.prompts import (
    Drawer,
    Prompt,
    judge,
    keeps,
    layout_figures,
    read_prompts,
)
from smartmask.io.package import BUNDLED_MASKS
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
LEFT, RIGHT, LOW = (0.0, 0.0, 2.0, 2.0), (6.0, 1.0, 8.0, 3.0), (0.5, 7.0, 2.5, 9.0)


def test_the_rules() -> None:
    assert keeps("left", LEFT, RIGHT)
    assert keeps("right", RIGHT, LEFT)
    assert keeps("next to", LEFT, RIGHT)
    assert keeps("top", LEFT, LOW)
    assert keeps("bottom", LOW, LEFT)
    assert not keeps("next to", LEFT, LOW)
    with pytest.raises(ValueError, match="no relation 'in'"):
        keeps("in", LEFT, LOW)


boxes = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(1, 50)).map(
    lambda v: (float(v[0]), float(v[1]), float(v[0] + v[2]), float(v[1] + v[3]))
)


@given(boxes, boxes)
def test_at_most_one_side(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    kinds = [kind for kind in ("left", "right", "top", "bottom") if keeps(kind, a, b)]  # type: ignore[arg-type]
    assert len(kinds) <= 1
    assert keeps("next to", a, b) == (kinds in (["left"], ["right"]))  # type: ignore[arg-type]


def test_judging_counts_and_relations() -> None:
    prompt = Prompt("two cats", {"cat": 2}, None, "counting, single-category")
    assert judge(prompt, [("cat", LEFT), ("cat", RIGHT)], TEXT)["right"] == 1
    one = judge(prompt, [("cat", LEFT), ("dog", RIGHT)], TEXT)
    assert one == {"right": 0, "class_precision": 0.5, "class_recall": 0.5, "overlap": 0}
    side = Prompt("a cat to the left of a dog", {"cat": 1, "dog": 1}, ("cat", "left", "dog"), "spatial, template")
    assert judge(side, [("cat", LEFT), ("dog", RIGHT)], TEXT)["right"] == 1
    assert judge(side, [("cat", RIGHT), ("dog", LEFT)], TEXT)["right"] == 0
    assert judge(side, [], TEXT)["right"] == 0


@pytest.mark.parametrize(("dogs", "right"), [(1, 1), (2, 1), (3, 0), (4, 0)])
def test_comparisons_as_layoutgpt_judges_them(dogs: int, right: int) -> None:
    """The first class exactly, the second fewer; equal numbers exactly."""
    more = Prompt("three cats and a few dogs", {"cat": 3, "dog": 1}, None, "counting, comparison")
    drawn = [("cat", LEFT)] * 3 + [("dog", RIGHT)] * dogs
    assert judge(more, drawn, TEXT)["right"] == right
    assert judge(more, drawn[1:], TEXT)["right"] == 0
    same = Prompt("as many", {"cat": 3, "dog": 3}, None, "counting, comparison")
    assert judge(same, drawn, TEXT)["right"] == (dogs == 3)


def test_files_are_read_and_figures_averaged(tmp_path: Path) -> None:
    box = [0.1, 0.1, 0.2, 0.2]
    spatial = [{"id": 1, "image_id": 9, "prompt": "a cat to the left of a dog", "relation": "left", "type": "template",
                "obj1": ["cat", box], "obj2": ["dog", box]}]  # fmt: skip
    counting = [
        {"id": 2, "image_id": 25, "prompt": "two cats", "num_object": [["cat", 2]], "sub-type": "single-category"}
    ]
    (tmp_path / "spatial.val.json").write_text(json.dumps(spatial))
    with pytest.raises(ValueError, match=r"counting\.val\.json does not exist"):
        read_prompts(tmp_path)
    (tmp_path / "counting.val.json").write_text(json.dumps(counting))
    prompts = read_prompts(tmp_path)
    assert [p.kind for p in prompts] == ["spatial, template", "counting, single-category"]
    drawers: dict[str, Drawer] = {
        "good": lambda prompt, seed: [[("cat", LEFT), ("dog", RIGHT)] if prompt.relation else [("cat", LEFT)] * 2],
        "none": lambda prompt, seed: [[]],
        "half": lambda prompt, seed: [[("cat", LEFT)] * 2, [("cat", LEFT)]] if prompt.number == 2 else [],
    }
    figures = layout_figures(prompts, drawers, TEXT)
    assert figures["good"]["spatial"]["right"] == 1
    assert figures["none"]["counting"]["right"] == 0
    assert figures["half"]["counting"]["right"] == 0.5, "the mean of two layouts of a prompt"
    assert "spatial" not in figures["half"], "no layouts, no figures"
    (tmp_path / "counting.val.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        read_prompts(tmp_path)


def test_the_templates_plurals_are_mended_when_read(tmp_path: Path) -> None:
    rows = [{"id": 2, "image_id": 25, "prompt": "two buss, three benchs and four broccolis by a bus",
             "num_object": [["bus", 2]], "sub-type": "two-categories"}]  # fmt: skip
    (tmp_path / "spatial.val.json").write_text("[]")
    (tmp_path / "counting.val.json").write_text(json.dumps(rows))
    assert [p.text for p in read_prompts(tmp_path)] == ["two buses, three benches and four broccoli by a bus"]


def test_annotated_pairs_keep_the_rules(data_root: Path) -> None:
    """The rules are those by which NSR-1K's own pairs were chosen."""
    for split in ("train", "val"):
        for row in json.loads((data_root / "nsr1k" / f"spatial.{split}.json").read_text()):
            (_, (x, y, w, h)), (_, (u, v, p, q)) = row["obj1"], row["obj2"]
            if min(w, h, p, q) > 0:
                assert keeps(row["relation"], (x, y, x + w, y + h), (u, v, u + p, v + q)), row["prompt"]
