"""FID's Inception: its tensors by name and shape, what it makes of them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from smartmask.metrics.inception import FEATURES, Inception, InceptionFeatures, Mixed
from smartmask.metrics.inception_weights import weights_in
from smartmask.metrics.pretrained import load_features

RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in ((40, 60), (64, 30))]
# Of pt_inception-2015-12-05-6726825d.pth: some tensors of every kind of block, and how many numbers there are.
KNOWN = {
    "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
    "Conv2d_4a_3x3.bn.running_var": (192,),
    "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5),
    "Mixed_5b.branch_pool.conv.weight": (32, 192, 1, 1),
    "Mixed_5d.branch3x3dbl_3.conv.weight": (96, 96, 3, 3),
    "Mixed_6a.branch3x3.conv.weight": (384, 288, 3, 3),
    "Mixed_6b.branch7x7dbl_4.conv.weight": (128, 128, 7, 1),
    "Mixed_6e.branch7x7_2.conv.weight": (192, 192, 1, 7),
    "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
    "Mixed_7b.branch_pool.conv.weight": (192, 1280, 1, 1),
    "Mixed_7c.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
}


def random_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    state = Inception().state_dict()
    return {name: torch.rand_like(value) + 0.5 if "running_var" in name else value for name, value in state.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights as the converted file holds them: with the layer of classes, which is not needed."""
    root = tmp_path_factory.mktemp("inception")
    classes = {"fc.weight": torch.zeros(1008, FEATURES), "fc.bias": torch.zeros(1008)}
    save_file(random_weights() | classes, root / "model.safetensors")
    return root


def test_the_tensors_of_the_published_file() -> None:
    with torch.device("meta"):
        state = Inception().state_dict()
    assert {name: tuple(state[name].shape) for name in KNOWN} == KNOWN
    counted = [value for name, value in state.items() if name.endswith(("weight", "bias"))]
    # Inception v3 has 23,834,568 parameters with 1,000 classes and no auxiliary head, 2,049,000 of them in that layer
    assert sum(value.numel() for value in counted) == 23_834_568 - 2_049_000
    assert sum(name.endswith("conv.weight") for name in state) == 94


def test_features_depend_on_the_picture_alone(folder: Path) -> None:
    assert weights_in(folder) == folder / "model.safetensors"
    features = load_features(folder)
    assert isinstance(features, InceptionFeatures)
    found = features(PICTURES)
    assert (found.shape, found.dtype) == ((2, FEATURES), np.float64)
    assert not np.allclose(found[0], found[1])
    np.testing.assert_allclose(features(PICTURES[1:])[0], found[1], atol=1e-4)


def test_averages_at_the_border_leave_the_padding_out() -> None:
    """A constant map stays constant through a block that averages; with counted padding its corners would be less."""
    block = Mixed(2, [[("same", 2, 1, 1)]], "mean", 2).eval()
    with torch.no_grad():
        for layer in (block.get_submodule("same"), block.branch_pool):
            layer.conv.weight.copy_(torch.eye(2)[:, :, None, None])  # type: ignore[union-attr, operator]
        maps = block(torch.ones(1, 2, 4, 4))
    assert torch.allclose(maps[:, 2:], maps[:, :2], atol=1e-5)


def test_the_last_block_pools_by_maximum() -> None:
    with torch.device("meta"):
        network = Inception()
    assert [network.Mixed_7b.pool, network.Mixed_7c.pool] == ["mean", "max"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Mixed_6a.branch3x3.conv.weight": None}, "lacks the tensor Mixed_6a.branch3x3.conv.weight"),
        ({"AuxLogits.fc.weight": torch.zeros(3)}, "has the tensor AuxLogits.fc.weight"),
        ({"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 3, 5, 5)}, r"shape \(32, 3, 5, 5\); FID's has \(32, 3, 3, 3\)"),
    ],
)  # fmt: skip
def test_another_inception_is_refused(tmp_path: Path, change: dict[str, torch.Tensor | None], said: str) -> None:
    tensors = {name: value for name, value in (random_weights() | change).items() if value is not None}
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=said):
        InceptionFeatures.from_folder(tmp_path)


def test_a_folder_without_it_is_told(tmp_path: Path) -> None:
    assert weights_in(tmp_path) is None
    assert weights_in(tmp_path / "none") is None
    with pytest.raises(ValueError, match=r"holds no safetensors file of FID's Inception .* as model\.safetensors"):
        InceptionFeatures.from_folder(tmp_path)
