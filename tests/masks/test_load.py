"""Mask models by folder and by hub name: which class, from where, and what is said when it cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smartmask import Box, Scene, SmartMaskPipeline
from smartmask.errors import ModelMissingError
from smartmask.masks import load
from smartmask.masks.model import Suggestion


@pytest.fixture
def hub(tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which someone/masks was fetched."""
    model = tmp_path / "models--someone--masks"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("abc")
    shutil.copytree(tiny_weights, model / "snapshots" / "abc")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    return model


def test_a_hub_name_that_was_fetched_works_offline(hub: Path, tiny_weights: Path) -> None:
    scene, box = Scene.empty(48, 64), Box(10, 10, 40, 40)
    found, local = (
        SmartMaskPipeline.from_pretrained(name)(scene, "dog", guidance=box, generator=3)
        for name in ("someone/masks", tiny_weights)
    )
    np.testing.assert_array_equal(found.masks, local.masks)


def test_a_hub_name_that_is_not_here_says_so(hub: Path) -> None:
    with pytest.raises(ModelMissingError, match=r"mask model 'someone/other'.*bundled weights work"):
        SmartMaskPipeline.from_pretrained("someone/other")


def test_the_index_lists_components_as_diffusers_does(tiny_weights: Path) -> None:
    index = json.loads((tiny_weights / "model_index.json").read_text())
    parts = {name: kind for name, kind in index.items() if isinstance(kind, list)}
    assert parts == {"text": ["smartmask", "TextEncoder"], "memory": ["smartmask", "Memory"],
                     "chooser": ["smartmask", "Chooser"], "place": ["smartmask", "Places"]}  # fmt: skip
    assert all((tiny_weights / name).is_dir() for name in parts)


def test_another_model_is_a_class_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline knows nothing of a model but its protocol."""

    class Square:
        text: Any = None

        def suggest(self, scene: Scene, request: Any, seeds: Any, progress: Any = None) -> list[Any]:
            x0, y0, x1, y1 = (int(edge) for edge in request.guides[0].extent(scene.height, scene.width))
            mask = np.zeros((scene.height, scene.width), dtype=bool)
            mask[y0:y1, x0:x1] = True
            return [
                Suggestion(mask=mask, box=(x0, y0, x1, y1), order=len(scene.layers), seed=seed, score=1.0)
                for seed in seeds
            ]

        def notes(self, scene: Scene, request: Any) -> list[str]:
            return [f"A square for a {request.object}."]

        def to(self, device: Any = None, dtype: Any = None) -> Square:
            return self

        def size(self, name: str) -> tuple[float, float]:
            return 1.0, 1.0

    def load_square(folder: Path, **options: Any) -> Square:
        return Square()

    monkeypatch.setitem(load.MODELS, "Square", (load_square, lambda model, folder: (folder / "saved").touch()))
    (tmp_path / "model_index.json").write_text('{"_class_name": "Square"}')
    pipeline = SmartMaskPipeline.from_pretrained(tmp_path).to("cpu")
    out = pipeline(Scene.empty(20, 30), "dog", guidance=Box(2, 3, 9, 11))
    pipeline.save_pretrained(tmp_path)
    assert (tmp_path / "saved").exists()
    assert out.masks[0].sum() == 7 * 8
    assert out.notes == ["A square for a dog."]


def test_a_device_that_is_not_there(tiny_weights: Path) -> None:
    pipeline = SmartMaskPipeline.from_pretrained(tiny_weights)
    assert pipeline.to("cpu") is pipeline
    with pytest.raises(ValueError, match="device 'nowhere' cannot be used"):
        pipeline.to("nowhere")
