"""Training of the mask network: the loss, a real tiny run on a drawn pack, stopping and going on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import default_collate
from typer.testing import CliRunner

from smartmask.data.pack import Pack
from smartmask.frame import BAND
from smartmask.models.layout import CELLS, FLAGS, SCALARS
from smartmask.models.presets import SHAPE_PRESETS, load_component, save_component
from smartmask.models.shape import Condition, ShapeConfig, ShapeNetwork
from smartmask.models.text import TextEncoder
from smartmask.train import mask
from smartmask.train.cli import app
from smartmask.train.dataset import PairStream, find_targets
from smartmask.train.mask import DROP_BOTH, DROP_CONTEXT, DROP_OBJECT, UNSURE, MaskTrainConfig, name_table, train
from smartmask.train.mask import training_loss as loss_of
from smartmask.train.samples import SampleSheet


def config(**changes: Any) -> MaskTrainConfig:
    settings = {"preset": "tiny", "steps": 30, "batch": 8, "learning_rate": 3e-3, "warmup": 5, "ema": 0.9, "workers": 0,
                "precision": "no", "save_every": 1000, "sample_every": 1000}  # fmt: skip
    return MaskTrainConfig(**{**settings, **changes})


def load(folder: Path) -> ShapeNetwork:
    return load_component(folder, ShapeNetwork, ShapeConfig)


# --- the loss --------------------------------------------------------------------------------------


class Spy(nn.Module):
    """Predicts zeros and remembers what it was told."""

    def forward(
        self, noisy: torch.Tensor, time: torch.Tensor, condition: Condition, keep_object: torch.Tensor,
        keep_context: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        self.condition, self.keep_object, self.keep_context = condition, keep_object, keep_context
        return torch.zeros_like(noisy)


def toy_batch(count: int, known: float = 1.0) -> dict[str, torch.Tensor]:
    """A batch whose amodal mask is 0.1 everywhere and whose visible one is 0; masks of 4 x 4 samples."""
    clean = torch.zeros(count, 2, 4, 4)
    clean[:, 0] = 0.1
    return {
        "clean": clean, "known": torch.full((count, 9, 9), known),
        "ids": torch.zeros(count, CELLS, CELLS, dtype=torch.long), "flags": torch.zeros(count, len(FLAGS), 1, 1),
        "scalars": torch.zeros(count, SCALARS), "object": torch.randn(count, 128), "context": torch.randn(count, 128),
    }  # fmt: skip


def test_texts_are_dropped_as_often_as_they_should_be() -> None:
    torch.manual_seed(0)
    spy, count = Spy(), 20_000
    loss_of(spy, toy_batch(count), torch.randn(3, 128), config())
    no_object, no_context = ~spy.keep_object, ~spy.keep_context
    shares = torch.stack([no_object & ~no_context, no_context & ~no_object, no_object & no_context]).float().mean(1)
    np.testing.assert_allclose(shares, (DROP_OBJECT, DROP_CONTEXT, DROP_BOTH), atol=0.01)


def test_text_vectors_are_jittered() -> None:
    torch.manual_seed(0)
    spy, batch, names = Spy(), toy_batch(500), torch.randn(50, 128)
    loss_of(spy, batch, names, config(text_noise=0.2))
    for own, told in ((names, spy.condition.names), (batch["object"], spy.condition.object)):
        assert (told - own).std() == pytest.approx(0.2, rel=0.05)
    assert torch.equal(spy.condition.context, batch["context"])
    loss_of(spy, batch, names, config(text_noise=0.0))
    assert torch.equal(spy.condition.names, names)


def test_what_nobody_saw_counts_less() -> None:
    losses = []
    for known in (1.0, 0.0):
        torch.manual_seed(0)
        losses.append(loss_of(Spy(), toy_batch(4, known), torch.randn(3, 128), config()))
    assert losses[0].shape == (4,)
    torch.testing.assert_close(losses[1] / losses[0], torch.full((4,), UNSURE))


def test_the_table_of_names(pack: Pack, text_folder: Path) -> None:
    text = TextEncoder.from_pretrained(text_folder)
    names, vectors = name_table(pack, text)
    assert names == ["ball", "cat", "dog", "grass", "hammer", "sky"]
    assert vectors.shape == (6, 128)
    np.testing.assert_array_equal(vectors[2], text.encode("dog"))


# --- runs ------------------------------------------------------------------------------------------


def held_out_loss(network: ShapeNetwork, pack: Pack, text_folder: Path) -> float:
    """The loss on pairs and noise that no run has seen."""
    text = TextEncoder.from_pretrained(text_folder)
    names, vectors = name_table(pack, text)
    samples = iter(PairStream(pack, find_targets(pack, "dev"), text, names, seed=99))
    batch = default_collate([next(samples) for _ in range(16)])
    torch.manual_seed(0)
    with torch.no_grad():
        return float(np.mean([loss_of(network, batch, vectors, config()).mean() for _ in range(4)]))


def test_a_run_learns_and_leaves_what_a_pipeline_needs(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    folder = train(pack.path, text_folder, tmp_path / "run", config(sample_every=30))
    assert folder == tmp_path / "run" / "shape"
    trained = load(folder)
    assert trained.config == SHAPE_PRESETS["tiny"]
    untrained = held_out_loss(ShapeNetwork(SHAPE_PRESETS["tiny"]), pack, text_folder)
    assert held_out_loss(trained, pack, text_folder) < 0.75 * untrained
    with Image.open(tmp_path / "run" / "samples" / "step_000030.png") as sheet:
        assert sheet.size == (8 * (BAND + 2), 12 * (BAND + 2))  # a row an object: the truth and seven tries


def test_an_interrupted_run_goes_on(
    pack: Pack, text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, calls, seeds = config(steps=4, batch=2, save_every=2), [], []
    real = mask.PairStream

    def watched(*given: Any, seed: int, **options: Any) -> PairStream:
        seeds.append(seed)
        return real(*given, seed=seed, **options)

    def interrupted(*given: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return loss_of(*given)

    monkeypatch.setattr(mask, "PairStream", watched)
    monkeypatch.setattr(mask, "training_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(pack.path, text_folder, tmp_path, settings)
    assert not (tmp_path / "shape").exists()
    train(pack.path, text_folder, tmp_path, settings)
    assert "Resuming at step 2." in capsys.readouterr().out
    assert len(calls) == 4 + 2
    assert seeds == [0, 2]  # other samples than the ones already seen
    assert load(tmp_path / "shape").config == SHAPE_PRESETS["tiny"]


def test_a_run_starts_from_given_weights(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    given = ShapeNetwork(SHAPE_PRESETS["tiny"])
    save_component(tmp_path / "given", given, given.config)
    settings = config(steps=1, batch=2, learning_rate=0.0)
    folder = train(pack.path, text_folder, tmp_path / "run", settings, init=tmp_path / "given")
    for (name, one), two in zip(
        load(tmp_path / "given").state_dict().items(), load(folder).state_dict().values(), strict=True
    ):
        torch.testing.assert_close(one, two, msg=name)
    with pytest.raises(ValueError, match=r"model\.safetensors is missing"):
        train(pack.path, text_folder, tmp_path / "other", settings, init=tmp_path / "nowhere")


def test_what_cannot_be_trained(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no trainable object in its train split; sources asked for: \['lsun'\]"):
        train(pack.path, text_folder, tmp_path, config(sources=["lsun"]))
    with pytest.raises(ValueError, match="There is no preset 'huge'"):
        train(pack.path, text_folder, tmp_path, config(preset="huge"))
    with pytest.raises(ValueError, match=r"nothing\.parquet does not exist"):
        train(tmp_path / "nothing.parquet", text_folder, tmp_path, config())


# --- samples ---------------------------------------------------------------------------------------


class Oracle(nn.Module):
    """Knows the masks of a sheet; of each object's tries, all but the last are empty."""

    def __init__(self, truth: torch.Tensor, tries: int) -> None:
        super().__init__()
        self.answer = truth.repeat_interleave(tries, 0)
        self.answer[torch.arange(len(self.answer)) % tries != tries - 1] = -1

    def forward(self, noisy: torch.Tensor, time: torch.Tensor, condition: Condition) -> torch.Tensor:
        return self.answer


def test_the_figures_of_a_sheet(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    text = TextEncoder.from_pretrained(text_folder)
    names, vectors = name_table(pack, text)
    sheet = SampleSheet(pack, text, names, tmp_path / "samples")
    assert len(sheet.rows) == 12
    truth = torch.from_numpy(np.stack([row["clean"] for row in sheet.rows]))
    figures = sheet.draw(Oracle(truth, 8), vectors, 7)
    assert figures == {"dev_iou_one": 0, "dev_iou_best8": 1}
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["step_000007.png"]


# --- the command line ------------------------------------------------------------------------------


def test_the_command_trains(pack: Pack, tmp_path: Path) -> None:
    line = [
        "mask",
        "--data",
        str(pack.path),
        "--out",
        str(tmp_path),
        "--preset",
        "tiny",
        "--steps",
        "2",
        "--batch",
        "2",
    ]
    result = CliRunner().invoke(app, [*line, "--workers", "0", "--precision", "no", "--sources", "voc,coco_panoptic"])
    assert result.exit_code == 0, result.output
    assert f"Trained: {tmp_path / 'shape'}" in result.stdout
    assert load(tmp_path / "shape").config == SHAPE_PRESETS["tiny"]


def test_a_sheet_of_pairs(pack: Pack, tmp_path: Path) -> None:
    sheets = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        out = tmp_path / name / "pairs.png"
        line = ["pairs", "--data", str(pack.path), "--out", str(out), "--count", "9", "--seed", seed]
        result = CliRunner().invoke(app, line)
        assert result.exit_code == 0, result.output
        assert str(out) in result.stdout.replace("\n", "")
        with Image.open(out) as picture:
            sheets.append(np.asarray(picture))
    assert sheets[0].shape[1] > 8 * 192  # eight columns, and a second row for the ninth
    assert sheets[0].shape[0] > 2 * 192
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


def test_a_sheet_of_no_pairs(pack: Pack, tmp_path: Path) -> None:
    line = ["pairs", "--data", str(pack.path), "--out", str(tmp_path / "p.png"), "--split", "test"]
    result = CliRunner().invoke(app, line)
    assert isinstance(result.exception, ValueError)
    assert "no object to train on" in str(result.exception)
    assert not (tmp_path / "p.png").exists()
