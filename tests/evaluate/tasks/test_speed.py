"""The clock: inputs a command can read, times and memory of processes and calls."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.evaluate.tasks import speed
from smartmask.evaluate.tasks.speed import masks_command, sample_scene, time_calls, time_process, write_inputs
from smartmask.image.files import load_label_map
from smartmask.scene import Scene


def test_the_inputs_read_back_as_the_sample_scene(tmp_path: Path) -> None:
    photo, layout, names, box = write_inputs(tmp_path, 128, 96)
    table = {int(i): name for i, name in json.loads(names.read_text()).items()}
    again = Scene.from_label_map(load_label_map(layout), table)
    assert (again.height, again.width) == (96, 128)
    assert {layer.name for layer in again.layers} == {layer.name for layer in sample_scene(128, 96)[0].layers}
    assert photo.is_file()
    command = masks_command((photo, layout, names, box), tmp_path / "out", 8, tmp_path / "weights")
    assert command[:4] == [sys.executable, "-m", "smartmask", "masks"]
    assert command[-2:] == ["--weights", str(tmp_path / "weights")]
    version = subprocess.run([*command[:3], "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("smartmask ")  # the command does run, and is not over in no time


def test_a_process_is_timed_and_weighed() -> None:
    found = time_process([sys.executable, "-c", "import time; x = bytearray(60_000_000); time.sleep(0.2)"], 2)
    assert len(found["runs"]) == 2
    assert found["fastest"] >= 0.2
    if hasattr(__import__("os"), "wait4"):
        assert found["peak_mb"] > 60


def test_a_failing_process_says_why() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        time_process([sys.executable, "-c", "import sys; sys.exit('no such thing')"], 1)


def test_calls_are_timed_after_a_warm_up() -> None:
    calls: list[int] = []
    assert len(time_calls(lambda: calls.append(1), 3)["runs"]) == 3
    assert len(calls) == 4


@pytest.mark.parametrize(("option", "value"), [("--size", "512"), ("--size", "8x8"), ("--repeats", "0")])
def test_the_command_refuses_bad_options(option: str, value: str) -> None:
    result = CliRunner().invoke(app, ["speed", option, value])
    assert isinstance(result.exception, ValueError)
    assert value in str(result.exception)


@pytest.mark.slow
def test_the_network_for_scale_has_stable_diffusions_size() -> None:
    diffusers, torch = pytest.importorskip("diffusers"), pytest.importorskip("torch")
    with torch.device("meta"):
        network = diffusers.UNet2DConditionModel(**speed.SD15)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(859.5e6, rel=1e-3)


@pytest.mark.slow
def test_its_steps_are_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("diffusers")
    small = {**speed.SD15, "block_out_channels": [32] * 4, "cross_attention_dim": 16}
    assert speed.sd_step(small, 128, 64, "float32")().shape == (2, 4, 8, 16)
    monkeypatch.setattr(speed, "SD15", small)
    found = speed.sd_times(128, 64, 8, {"median": 0.5})
    for precision in speed.PRECISIONS:
        one = found[precision]
        assert one["seconds"] == pytest.approx(one["step"]["median"] * 50 * 8, abs=0.01)
        assert one["times_ours"] == pytest.approx(one["seconds"] / 0.5, abs=0.06)


@pytest.mark.slow
def test_the_command_times_every_guide(tiny_weights: Path) -> None:
    arguments = ["speed", "--repeats", "1", "-n", "2", "--size", "96x64", "--weights", str(tiny_weights), "--json"]
    report = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)
    assert set(report["pipeline_alone"]) == {"box", "scribble", "mask", "none"}
    assert 0 < report["weights_mb"] < 100
    assert report["process_start_to_disk"]["median"] > 0
