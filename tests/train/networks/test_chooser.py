"""The chooser that is trained and the one that runs are one network."""

from __future__ import annotations

import numpy as np
import torch

from smartmask.io.package import BUNDLED_MASKS
from smartmask.masks.exemplar.choose import FAR_CELLS, FLAGS, GEOMETRY, SCENE_CELLS, Chooser, ChooserConfig, SceneCrop
from smartmask.train.networks.chooser import ChooserModule


def crops(count: int, text_dim: int) -> SceneCrop:
    rng = np.random.default_rng(0)

    def flags(side: int) -> np.ndarray:
        return (rng.random((count, FLAGS, side, side)) < 0.3).astype(np.float32)

    return SceneCrop(
        rng.integers(0, 4, (count, SCENE_CELLS, SCENE_CELLS)), flags(SCENE_CELLS),
        rng.integers(0, 4, (count, FAR_CELLS, FAR_CELLS)), flags(FAR_CELLS),
        rng.normal(size=(count, GEOMETRY)).astype(np.float32),
        *(rng.normal(0, 0.1, (n, text_dim)).astype(np.float32) for n in (3, count, count)),
    )  # fmt: skip


def same(trained: ChooserModule, run: Chooser, text_dim: int) -> None:
    crop = crops(2, text_dim)
    given = SceneCrop(**{key: torch.from_numpy(value) for key, value in vars(crop).items()})
    cells = (np.random.default_rng(1).random((5, 32, 32)) < 0.5).astype(np.float32)
    with torch.inference_mode():
        scenes, outlines = trained.embed_scenes(given).numpy(), trained.embed_outlines(torch.from_numpy(cells)).numpy()
    np.testing.assert_allclose(run.embed_scenes(crop), scenes, atol=2e-5)
    np.testing.assert_allclose(run.embed_outlines(cells), outlines, atol=1e-5)


def test_numpy_says_what_torch_says() -> None:
    torch.manual_seed(0)
    config = ChooserConfig(width=6, size=8, names=5)
    trained = ChooserModule(config).eval()
    same(trained, Chooser.of(trained), config.text_dim)


def test_the_bundled_weights_are_read_alike() -> None:
    run = Chooser.load(BUNDLED_MASKS / "chooser")
    trained = ChooserModule(run.config).eval()
    trained.load_state_dict({name: torch.from_numpy(array) for name, array in run.tensors.items()})
    same(trained, run, run.config.text_dim)
