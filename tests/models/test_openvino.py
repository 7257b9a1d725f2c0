"""The drawing networks as OpenVINO runs them give what torch gives. Skipped without the package ``openvino``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from smartmask import Box, Scene, SmartMaskPipeline
from smartmask.frame import BAND, BOX_SIDE
from smartmask.models.layout import CELLS, FLAGS, SCALARS
from smartmask.models.prior import GEOMETRY, GUIDE_CELLS, ShapeAsk
from smartmask.models.shape import MASKS, Condition

pytest.importorskip("openvino")
from smartmask.models import openvino


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / "networks"
    monkeypatch.setenv("SMARTMASK_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def pipe(tiny_weights: Path) -> SmartMaskPipeline:
    return SmartMaskPipeline.from_pretrained(tiny_weights)


def assert_alike(network: torch.nn.Module, compiled: torch.nn.Module, *given: object) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(compiled(*given), network(*given), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("named", [None, False])
def test_the_prior(pipe: SmartMaskPipeline, count: int, named: bool | None) -> None:
    config = pipe.prior.config
    told = torch.randn(count, config.text_dim), torch.randn(count, GEOMETRY), torch.rand(count, GUIDE_CELLS**2)
    keep = None if named is None else torch.full((count,), named)
    noisy, time = torch.randn(count, config.components), torch.rand(count)
    compiled = openvino.CompiledPrior(pipe.prior, "f32")
    assert_alike(pipe.prior, compiled, noisy, time, ShapeAsk(*told), keep)
    with torch.inference_mode():  # what the engine does not run is the prior's own
        shapes = torch.randn(count, BOX_SIDE**2)
        torch.testing.assert_close(compiled.to_components(shapes), pipe.prior.to_components(shapes))


@pytest.mark.parametrize("count", [1, 5])
def test_the_outline_network(pipe: SmartMaskPipeline, count: int) -> None:
    pictures = torch.randn(2, count, BOX_SIDE, BOX_SIDE).clamp(-1, 1)
    told = torch.randn(count, pipe.outline.config.text_dim), torch.randn(count, GEOMETRY)
    assert_alike(pipe.outline, openvino.CompiledOutline(pipe.outline, "f32"), *pictures, *told)


@pytest.mark.parametrize(("count", "names"), [(1, 1), (5, 9)])
@pytest.mark.parametrize("kept", [None, (True, False)])
def test_the_mask_network(pipe: SmartMaskPipeline, count: int, names: int, kept: tuple[bool, bool] | None) -> None:
    dim = pipe.shape.config.text_dim
    condition = Condition(
        torch.randint(names + 1, (count, CELLS, CELLS)), torch.rand(count, len(FLAGS), CELLS, CELLS),
        torch.randn(count, SCALARS), torch.randn(names, dim), torch.randn(count, dim), torch.randn(count, dim),
    )  # fmt: skip
    keep = (None, None) if kept is None else [torch.full((count,), value) for value in kept]
    compiled = openvino.CompiledShape(pipe.shape, "f32")
    assert_alike(pipe.shape, compiled, torch.randn(count, MASKS, BAND, BAND), torch.rand(count), condition, *keep)


def test_a_network_is_converted_once(pipe: SmartMaskPipeline, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openvino.CompiledOutline(pipe.outline)
    kept = sorted(cache.rglob("*"))
    monkeypatch.setattr(openvino, "_convert", None)
    openvino.CompiledOutline(pipe.outline)
    assert sorted(cache.rglob("*")) == kept


def test_a_damaged_file_is_made_again(pipe: SmartMaskPipeline, cache: Path) -> None:
    openvino.CompiledOutline(pipe.outline)
    for path in cache.rglob("*.xml"):
        path.write_text("<net")
    told = torch.zeros(1, pipe.outline.config.text_dim), torch.zeros(1, GEOMETRY)
    blank = torch.zeros(1, BOX_SIDE, BOX_SIDE)
    assert_alike(pipe.outline, openvino.CompiledOutline(pipe.outline, "f32"), blank, blank, *told)


def test_it_works_where_nothing_can_be_written(
    pipe: SmartMaskPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SMARTMASK_CACHE", str(tmp_path / "file"))
    openvino.CompiledOutline(pipe.outline)


def test_the_pipeline_draws_what_it_draws_with_torch(pipe: SmartMaskPipeline, tiny_weights: Path) -> None:
    fast = SmartMaskPipeline.from_pretrained(tiny_weights, engine="openvino")
    scene = Scene.empty(60, 80)
    for guide in (Box(10, 10, 60, 50), None):
        ours, theirs, again = (p(scene, "dog", guidance=guide, num_masks=3, generator=0) for p in (fast, pipe, fast))
        order = [[out.seeds.index(seed) for seed in range(3)] for out in (ours, theirs)]
        a, b = ours.masks[order[0]], theirs.masks[order[1]]
        assert (a & b).sum() > 0.9 * (a | b).sum()
        np.testing.assert_array_equal(ours.masks, again.masks)
