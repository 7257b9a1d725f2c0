"""The ablation of the latent model: its arms, that it goes on where it was stopped, and its report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smartmask.data.pack import Pack
from smartmask.evaluate.tasks import latent_ablation
from smartmask.evaluate.tasks.latent_ablation import NO_CONTEXT, row_of_json, row_to_json, run
from smartmask.masks.latent import presets
from smartmask.train.settings import LatentAblationSettings
from smartmask.train.tasks.latent_ablation import arm_settings, arms


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preset tiny on a canvas of 32 pixels, with its smallest network."""
    tiny = presets.PRESETS["tiny"]
    unet = {**tiny.unet, "block_out_channels": (16, 16, 32), "attention_head_dim": 16}
    monkeypatch.setitem(presets.PRESETS, "tiny", replace(tiny, side=32, unet=unet))


def settings(pack: Pack | Path, out: Path, **changes: Any) -> LatentAblationSettings:
    given = {
        "data": pack.path if isinstance(pack, Pack) else pack,
        "out": out,
        "steps": 2,
        "batch": 2,
        "objects": 2,
        "num_masks": 2,
        "sampler_steps": 1,
    }
    return LatentAblationSettings(**{**given, "save_every": 1, **changes})


def test_the_arms_differ_in_one_thing_each(tmp_path: Path) -> None:
    asked = settings(tmp_path / "pack", tmp_path, frame=4.0, minutes=3.0)
    plain = arm_settings(asked, "whole").model_dump()
    assert (plain["steps"], plain["frame"], plain["share"], plain["minutes"]) == (2, 0, 100, None)
    changed = {}
    for name in arms(asked):
        own = arm_settings(asked, name).model_dump()
        changed[name] = {key: own[key] for key in own if key != "out" and own[key] != plain[key]}
    assert changed == {
        "whole": {}, "frame": {"frame": 4.0}, "no-guides": {"without": ("guides",)},
        "no-context": {"without": ("context",)}, "data-10": {"share": 10}, "data-30": {"share": 30},
    }  # fmt: skip
    with pytest.raises(ValueError, match="no arm 'wide'; use some of whole, frame, no-guides"):
        arms(settings(tmp_path / "pack", tmp_path, arms="whole, wide"))


@pytest.mark.usefixtures("small")
def test_it_goes_on_with_the_arm_that_was_stopped(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped while the second arm is asked: the first is neither trained nor asked again, the second not trained."""
    asked: list[str] = []
    systems = latent_ablation._systems

    def stopping(name: str, *others: Any) -> Any:
        asked.append(name)
        if asked == ["whole", "frame"]:
            raise KeyboardInterrupt
        return systems(name, *others)

    monkeypatch.setattr(latent_ablation, "_systems", stopping)
    both = settings(pack, tmp_path / "run", arms="whole,frame")
    with pytest.raises(KeyboardInterrupt):
        run(both)
    weights = tmp_path / "run" / "frame" / "latent" / "unet" / "diffusion_pytorch_model.safetensors"
    before = weights.read_bytes()
    report = run(both)
    assert asked == ["whole", "frame", "frame"]
    assert weights.read_bytes() == before
    again = run(both)
    assert again["sizes"] == report["sizes"]  # all of it kept
    assert asked == ["whole", "frame", "frame"]
    saved = json.loads((tmp_path / "run" / "report" / "ablation.json").read_text())
    assert saved["sizes"] == report["sizes"]
    found = report["results"]["box"]
    assert set(found) == {"whole", NO_CONTEXT, "frame", "box-fill", "cover"}
    assert found["box-fill"]["own"]["mean"][0] > 0.3
    difference = found["frame"]["own"]["mean"][0] - found["whole"]["own"]["mean"][0]
    assert found["frame"]["minus_whole"]["own"]["mean"][0] == pytest.approx(difference, abs=2e-4)
    text = (tmp_path / "run" / "report" / "ablation.md").read_text()
    assert "## Guidance: box" in text
    assert "## Guidance: none" in text
    assert "| cover |" in text
    with pytest.raises(ValueError, match="holds a run with steps 2, not 1"):
        run(settings(pack, tmp_path / "run", arms="whole", steps=1))


def test_rows_come_back_as_they_were(pack: Pack) -> None:
    from smartmask.data.targets import Protocol, draw_sample
    from smartmask.evaluate.baselines import box_fill
    from smartmask.evaluate.memories import train_bank
    from smartmask.evaluate.protocol import cases
    from smartmask.evaluate.tasks.masks.rows import run as ask_all

    protocol, held = Protocol(split="dev", limit=2, num_masks=2), pack
    questions = cases(held, draw_sample(held, protocol).targets, protocol)
    rows = ask_all(questions, {"box-fill": box_fill(train_bank(held, protocol))}, protocol)
    for row in rows:
        again = row_of_json(json.loads(json.dumps(row_to_json(row))))
        assert again.target == row.target
        assert np.array_equal(again.own, row.own)
        assert (again.kind, again.flags, again.top) == (row.kind, row.flags, row.top)
