"""Edits of saved scenes: what they change, what they leave, and that undo gives everything back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import scenes

from smartmask.cli.main import main
from smartmask.geometry import mask_box
from smartmask.scene import Layer, Scene
from smartmask.scene.edit import Move, Remove, Rename, Reorder, Scale, SceneEdit, Undo
from smartmask.scene.scene_file import load_scene, save_scene

HEIGHT, WIDTH = 40, 60


def block(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


ROOM = Scene(
    HEIGHT, WIDTH,
    (
        Layer("wall", block(0, 0, 60, 30), False),
        Layer("cat", block(10, 20, 20, 30)),
        Layer("cup", block(30, 10, 34, 16)),
    ),
)  # fmt: skip
FILE = Path("scene.json")


def equal(a: Scene, b: Scene) -> bool:
    return [(x.name, x.thing) for x in a.layers] == [(y.name, y.thing) for y in b.layers] and all(
        np.array_equal(x.mask, y.mask) for x, y in zip(a.layers, b.layers, strict=True)
    )


def test_each_edit_changes_its_layer_only() -> None:
    moved, _ = Move(scene=FILE, layer="cat", by="5,-3").edited(ROOM, [])
    assert mask_box(moved.layers[1].mask) == (15, 17, 25, 27)
    larger, _ = Scale(scene=FILE, layer="1", factor=2).edited(ROOM, [])
    assert mask_box(larger.layers[1].mask) == (5, 10, 25, 30)  # its feet stay
    back, _ = Reorder(scene=FILE, layer="cup", order=0).edited(ROOM, [])
    assert [layer.name for layer in back.layers] == ["cup", "wall", "cat"]
    called, _ = Rename(scene=FILE, layer="cat", name=" dog ").edited(ROOM, [])
    assert [layer.name for layer in called.layers] == ["wall", "dog", "cup"]
    gone, _ = Remove(scene=FILE, layer="wall").edited(ROOM, [])
    assert [layer.name for layer in gone.layers] == ["cat", "cup"]
    assert not gone.layers[0].mask[0].any()


@given(scenes(), st.data())
def test_undo_gives_everything_back(scene: Scene, data: st.DataObject) -> None:
    before: list[Scene] = []
    history: list[dict[str, object]] = []
    for _ in range(data.draw(st.integers(1, 4))):
        if not scene.layers:
            break
        layer = str(data.draw(st.integers(0, len(scene.layers) - 1)))
        edit: SceneEdit = data.draw(st.sampled_from([
            Move(scene=FILE, layer=layer, by="1,-2"), Scale(scene=FILE, layer=layer, factor=1.5),
            Remove(scene=FILE, layer=layer), Reorder(scene=FILE, layer=layer, order=0),
            Rename(scene=FILE, layer=layer, name="thing"),
        ]))  # fmt: skip
        try:
            changed, longer = edit.edited(scene, history)
        except ValueError:  # nothing of the layer would be left
            continue
        before.append(scene)
        scene, history = changed, longer
    while before:
        scene, history = Undo(scene=FILE).edited(scene, history)
        assert equal(scene, before.pop())
    assert history == []


def test_the_command_edits_a_file_and_undoes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scene.json"
    save_scene(ROOM, file)
    assert main(["scene", "move", str(file), "--layer", "cat", "--by", "4,0"]) == 0
    assert main(["scene", "remove", str(file), "--layer", "cup", "--out", str(tmp_path / "other.json")]) == 0
    assert "2 layers and 2 steps" in capsys.readouterr().out
    assert len(load_scene(file)[0].layers) == 3
    assert main(["scene", "undo", str(file)]) == 0
    assert equal(load_scene(file)[0], ROOM)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("move", "--layer", "dog", "--by", "1,1"), "There is no layer 'dog'; the layers are wall, cat, cup."),
        (("move", "--layer", "7", "--by", "1,1"), "Layer 7 does not exist; the scene has 3 layers"),
        (("move", "--layer", "cat", "--by", "1"), "The way '1' is not dx,dy"),
        (("move", "--layer", "cat", "--by", "nan,1"), "The way 'nan,1' is not dx,dy"),
        (("move", "--layer", "cat", "--by", "900,0"), "Nothing of 'cat' would be left"),
        (("scale", "--layer", "cat", "--factor", "50"), "The factor is 50.0; it must be at most 20.0."),
        (("reorder", "--layer", "cat", "--order", "3"), "Order 3 is outside 0..2"),
        (("rename", "--layer", "cat", "--name", " "), "The new name is empty (' ')"),
        (("undo",), "has no history; there is nothing to undo"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    file = tmp_path / "scene.json"
    save_scene(ROOM, file)
    content = file.read_bytes()
    assert main(["scene", words[0], str(file), *words[1:]]) == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert shown.count("\n") == 1
    assert file.read_bytes() == content
