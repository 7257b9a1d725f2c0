"""The pipeline round a tiny model: what it refuses, other models behind it, its saved form and how that is damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import GUIDES, HEIGHT, WIDTH, call
from drawn import block

from smartmask.guides import Blob, Box, MaskGuide, Point
from smartmask.io.integrity import SUMS
from smartmask.masks.exemplar.model import ExemplarModel
from smartmask.masks.exemplar.sight import ExemplarDefaults
from smartmask.masks.model import MaskRequest, Progress, Suggestion
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.masks.weights import Weights
from smartmask.scene import Scene


@pytest.fixture(scope="module")
def pipe(tiny_weights: Path) -> SmartMaskPipeline:
    return SmartMaskPipeline.from_pretrained(tiny_weights)


# --- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"prompt": ""}, "object prompt is empty"),
        ({"prompt": "  "}, "object prompt is empty"),
        ({"prompt": None}, "object is None"),
        ({"prompt": "x" * 1001}, "1001 characters"),
        ({"num_masks": 0}, "number of masks is 0; it must be from 1"),
        ({"num_masks": 2.0}, "number of masks is 2.0; it must be a whole number"),
        ({"num_masks": True}, "number of masks is True"),
        ({"num_masks": 300, "diverse": True}, "diverse choice of 300 masks is too large"),
        ({"num_inference_steps": 0}, "number of steps is 0"),
        ({"guidance_scale": -1}, "guidance scale is -1"),
        ({"guidance_scale": float("nan")}, "guidance scale is nan"),
        ({"context_guidance_scale": 101.0}, "guidance scale is 101.0"),
        ({"generator": -1}, "seed is -1"),
        ({"generator": "7"}, "seed is '7'"),
        ({"generator": True}, "seed is True"),
        ({"guidance": Box(200, 10, 210, 20)}, "box at 200,10,210,20 lies outside the scene, which is 96x64"),
        ({"guidance": [Point(3, 3), Blob(-90, 3, 1, 1)]}, "blob .* lies outside the scene, which is 96x64"),
        ({"guidance": MaskGuide(np.ones((5, 5)))}, "mask guide is 5x5, but the scene is 96x64"),
        ({"guidance": (1, 2, 3, 4)}, "1 is not a guide; use Box"),
        ({"guidance": "box"}, "'box' is not a guide"),
        ({"not_here": Box(200, 10, 210, 20)}, "box at 200,10,210,20 lies outside the scene"),
        ({"context_prompt": "x" * 1001}, "1001 characters"),
        ({"order": 5}, r"Order 5 is outside 0\.\.4; 0 is the back, 4 the front"),
        ({"order": -1}, r"Order -1 is outside 0\.\.4"),
        ({"facing": "up"}, "cannot face 'up'; it must be left or right"),
        ({"like": np.ones((5, 5), bool)}, r"mask to vary has shape \(5, 5\), but the scene is 96x64"),
        ({"like": np.zeros((HEIGHT, WIDTH), bool)}, "mask to vary is empty"),
        ({"like_distance": 1.5}, r"distance of variations is 1\.5; it must be a number from 0 \(near\) to 1"),
    ],
)
def test_bad_input_is_one_sentence(pipe: SmartMaskPipeline, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        call(pipe, **options)
    assert "\n" not in str(caught.value)


# --- another model behind it -----------------------------------------------------------------------


class Blocks:
    """A model that knows no networks: a block at a column that the seed says, the later the better."""

    def __init__(self, pipe: SmartMaskPipeline) -> None:
        self.text = pipe.text

    def suggest(
        self, scene: Scene, request: MaskRequest, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[Suggestion]:
        mask = [block(scene.height, scene.width, seed, 0, seed + 8, 9) for seed in seeds]
        return [Suggestion(m, (s, 0, s + 8, 9), 0, s, s / 100) for m, s in zip(mask, seeds, strict=True)]

    def notes(self, scene: Scene, request: MaskRequest) -> list[str]:
        return [f"no {request.object} here"]


def test_any_model_will_do(pipe: SmartMaskPipeline, tmp_path: Path) -> None:
    other = SmartMaskPipeline(Blocks(pipe))
    out = call(other)
    assert out.seeds == [2, 1, 0]
    assert out.notes == ["no cat here"]
    assert not out.visible.any()
    with pytest.raises(ValueError, match="A Blocks has no saved form here"):
        other.save_pretrained(tmp_path / "saved")


# --- the saved form --------------------------------------------------------------------------------


def test_saved_and_loaded_it_draws_the_same(pipe: SmartMaskPipeline, tmp_path: Path) -> None:
    model: Any = pipe.model
    defaults = replace(ExemplarDefaults(), blend=0.1)
    tuned = SmartMaskPipeline(
        ExemplarModel(model.text, model.memory, model.chooser, model.strokes, model.places, defaults)
    )
    tuned.save_pretrained(tmp_path / "saved")
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]
    suffixes = {path.suffix for path in (tmp_path / "saved").rglob("*") if path.is_file()}
    assert suffixes == {".json", ".safetensors"}
    loaded = SmartMaskPipeline.from_pretrained(tmp_path / "saved")
    assert loaded.model.defaults.blend == 0.1  # type: ignore[attr-defined]
    for guide in (None, GUIDES["box"]):
        assert np.array_equal(call(loaded, guidance=guide).masks, call(tuned, guidance=guide).masks)


def test_saving_replaces_a_folder(pipe: SmartMaskPipeline, tmp_path: Path) -> None:
    pipe.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "stray.safetensors").write_text("old")
    pipe.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved" / "stray.safetensors").exists()
    SmartMaskPipeline.from_pretrained(str(tmp_path / "saved"))


def test_saving_does_not_replace_a_folder_of_other_things(pipe: SmartMaskPipeline, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_text("mine")
    with pytest.raises(ValueError, match=r"holds other things, such as 'photo\.png'; give a new folder"):
        pipe.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_open_licences_leave_the_rest_out(tiny_weights: Path) -> None:
    for weights in (Weights(weights=tiny_weights, licences="open"), Weights(weights=tiny_weights)):
        out = call(weights.checked().load(), guidance=GUIDES["box"], num_masks=8)
        found = {why["outline"]["licence"] for why in out.why}
        assert found == ({"CC0"} if weights.licences == "open" else {"CC0", "not stated"})


def test_weights_that_cannot_be_meant(tiny_weights: Path, tmp_path: Path) -> None:
    for weights, says in (
        (Weights(licences="closed"), "licences are 'closed'; use 'all' or 'open'"),
        (Weights(weights=tmp_path / "nowhere"), "nowhere' is neither an existing folder nor a hub name"),
        (Weights(weights=tmp_path), "has no model_index.json"),
        (Weights(memory=tmp_path / "none"), "none' does not exist; 'smartmask memory add' makes one"),
    ):
        with pytest.raises(ValueError, match=says):
            weights.checked()
    with pytest.raises(ValueError, match="licences are 'closed'"):
        SmartMaskPipeline.from_pretrained(tiny_weights, licences="closed")


def delete(name: str) -> Callable[[Path], Any]:
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def write(name: str, content: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(content)


def cut(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-500])


def edit(name: str, **changes: Any) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(json.dumps(json.loads((folder / name).read_text()) | changes))


def older(damage: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """The damage of a folder without checksums, as older versions wrote them."""

    def both(folder: Path) -> None:
        index = json.loads((folder / "model_index.json").read_text())
        del index[SUMS]
        (folder / "model_index.json").write_text(json.dumps(index))
        damage(folder)

    return both


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (delete("model_index.json"), r"has no model_index\.json; give a folder written by save_pretrained"),
        (write("model_index.json", "{"), r"model_index\.json' is not valid JSON"),
        (write("model_index.json", "[]"), r"which is no mask model"),
        (edit("model_index.json", _class_name="Other"), r"which is no mask model"),
        (edit("model_index.json", defaults={"colour": 1}), r"model_index\.json .* its defaults have the unknown field"),
        (edit("model_index.json", defaults=[1]), r"model_index\.json .* its defaults are \[1\] instead of"),
        (delete("chooser"), r"chooser/config\.json is missing"),
        (delete("chooser/model.safetensors"), r"chooser/model\.safetensors is missing"),
        (delete("chooser/strokes.safetensors"), r"chooser/strokes\.safetensors' does not exist"),
        (edit("chooser/config.json", width=16), r"chooser/config\.json is damaged: its checksum is not the one"),
        (older(edit("chooser/config.json", width=16)), r"chooser/model\.safetensors does not fit its config\.json"),
        (edit("chooser/config.json", colour=16), r"chooser/config\.json is damaged"),
        (cut("chooser/strokes.safetensors"), r"chooser/strokes\.safetensors is damaged"),
        (delete("place"), r"place/config\.json is missing"),
        (cut("place/boxes.safetensors"), r"place/boxes\.safetensors is damaged"),
        (delete("memory/open.safetensors"), r"memory/open\.safetensors"),
        (cut("memory/research.safetensors"), r"memory/research\.safetensors"),
        (delete("text"), r"text' lacks config\.json"),
        (cut("text/vocabulary.safetensors"), r"text/vocabulary\.safetensors' is damaged"),
    ],
)
def test_what_is_wrong_with_a_folder(
    tiny_weights: Path, tmp_path: Path, damage: Callable[[Path], Any], says: str
) -> None:
    folder = shutil.copytree(tiny_weights, tmp_path / "weights")
    damage(folder)
    with pytest.raises(ValueError, match=says) as caught:
        SmartMaskPipeline.from_pretrained(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere' is neither an existing folder nor a hub name"):
        SmartMaskPipeline.from_pretrained(tmp_path / "nowhere")
