"""Exported graphs answer like torch, load in the folder's place, and cannot be trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_diffusion import save_diffusion
from typer.testing import CliRunner

from smartmask import Box, SmartMaskPipeline
from smartmask.cli.export_model import command
from smartmask.evaluate.tasks.speed import sample_scene
from smartmask.insertion.export_job import ExportJob
from smartmask.insertion.smartbrush import files as brush
from smartmask.io.diffusion import load_unet
from smartmask.io.onnx_unet import ExportedUNet, OnnxUNet, example
from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.latent import files, parts
from smartmask.masks.latent.model import SmartMaskLatentModel
from smartmask.text.encoder import TextEncoder

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.from_pretrained(BUNDLED_TEXT)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, text: TextEncoder) -> Path:
    """An untrained latent model, with answers so large that its noise has all colours."""
    made = parts.new("tiny", text)
    with torch.no_grad():
        made.network.unet.conv_out.weight.mul_(30)
    folder = tmp_path_factory.mktemp("latent") / "plain"
    files.save(replace(made, settings=replace(made.settings, side=64)), folder)
    return folder


@pytest.fixture(scope="module")
def graph(plain: Path) -> Path:
    report = ExportJob(model=plain, out=plain.parent / "graph").run()
    assert report.difference < 1e-3 * report.spread
    return Path(report.folder)


def test_masks_are_those_of_torch_but_for_a_few_pixels(plain: Path, graph: Path) -> None:
    scene, box = sample_scene(96, 64)
    both = []
    for folder in (plain, graph):
        pipe = SmartMaskPipeline.from_pretrained(folder)
        both.append(pipe(scene, "dog", guidance=Box(box.x0, box.y0, box.x1, box.y1), num_masks=2, generator=0).masks)
    assert both[0].any()
    differ = np.mean(both[0] != both[1])
    assert differ < 0.01, f"{differ:.1%} of the pixels differ"


def test_any_batch_size_and_number_of_words(plain: Path, graph: Path) -> None:
    unet, other = load_unet(plain / "unet").eval(), OnnxUNet(graph / "unet")
    for batch, words, side in ((1, 5, 32), (3, 60, 16)):
        given = example(unet, seed=7, batch=batch)
        given["sample"] = given["sample"][:, :, :side, :side]
        states = torch.randn(batch, words, unet.config.cross_attention_dim, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            answer = unet(given["sample"], 40, states).sample
            mine = other(given["sample"], torch.tensor(40), states).sample
        assert float((answer - mine).abs().max()) < 1e-3 * float(answer.std())


@pytest.mark.slow
def test_stable_diffusions_own_classes(tmp_path: Path, text: TextEncoder) -> None:
    """With VAE and CLIP beside the graph, in a folder that loads."""
    base = save_diffusion("sd", tmp_path / "base")
    SmartMaskLatentModel.from_stable_diffusion(base, text=text).save_pretrained(tmp_path / "sd")
    ExportJob(model=tmp_path / "sd", out=tmp_path / "graph").run()
    loaded = files.load(tmp_path / "graph")
    assert isinstance(loaded.network.unet, OnnxUNet)
    assert not list((tmp_path / "graph" / "unet").glob("*.safetensors"))


def test_smartbrush_with_its_precision(tmp_path: Path, text: TextEncoder) -> None:
    brush.save(brush.new("tiny", text), tmp_path / "plain")
    ExportJob(model=tmp_path / "plain", out=tmp_path / "graph").run()
    plain, graph = (brush.load(tmp_path / name).network.eval() for name in ("plain", "graph"))
    generator = torch.Generator().manual_seed(0)
    side = plain.unet.config.sample_size
    noisy, mask = (torch.randn(2, n, side, side, generator=generator) for n in (plain.channels, plain.mask_channels))
    words = torch.randn(2, 9, 128, generator=generator)
    for precision in (torch.zeros(2), torch.ones(2)):
        with torch.inference_mode():
            answers = [network(noisy, torch.tensor([3, 700]), mask, precision, words) for network in (plain, graph)]
        for one, other in zip(*answers, strict=True):
            assert float((one - other).abs().max()) < 1e-3 * float(one.std())


def test_a_graph_is_not_trained(graph: Path, tmp_path: Path) -> None:
    loaded = files.load(graph)
    with pytest.raises(ValueError, match="only asked"):
        loaded.network.train()
    with pytest.raises(ValueError, match="only asked"):
        files.save(loaded, tmp_path / "again")
    with pytest.raises(ValueError, match="already"):
        ExportJob(model=graph, out=tmp_path / "again").run()


def test_a_damaged_graph_is_one_sentence(graph: Path, tmp_path: Path) -> None:
    """Also without the checksums that tell it first."""
    (tmp_path / "config.json").write_bytes((graph / "unet" / "config.json").read_bytes())
    (tmp_path / "model.onnx").write_bytes((graph / "unet" / "model.onnx").read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"model\.onnx cannot be loaded") as told:
        OnnxUNet(tmp_path)
    assert "\n" not in str(told.value)


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    base = save_diffusion("sd", tmp_path / "base")
    with pytest.raises(ValueError, match="StableDiffusion"):
        ExportJob(model=base, out=tmp_path / "out").run()
    unet = load_unet(base / "unet")
    unet.register_to_config(addition_embed_type="text_time")
    with pytest.raises(ValueError, match="text_time"):
        ExportedUNet(unet)


def test_a_graph_that_answers_otherwise_is_not_kept(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing was written"):
        ExportJob(model=plain, out=tmp_path / "out", tolerance=1e-12).run()
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command(plain: Path, tmp_path: Path) -> None:
    import typer

    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(plain), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "SmartMaskLatentModel" in result.output
    assert (tmp_path / "out" / "unet" / "model.onnx").is_file()
