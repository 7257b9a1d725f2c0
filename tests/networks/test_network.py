"""Networks in folders: there and back, and what does not fit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from smartmask.io.components import save_component
from smartmask.networks.network import Network, Shapes, linear_shapes


@dataclass(frozen=True)
class Config:
    """width: of the one layer."""

    width: int = 3


class Tiny(Network):
    """A layer."""

    Config = Config

    @staticmethod
    def shapes(config: Config) -> Shapes:
        return linear_shapes("layer", 2, config.width)


def tiny(width: int = 3) -> Tiny:
    rng = np.random.default_rng(0)
    return Tiny(Config(width), {"layer.weight": rng.normal(size=(width, 2)), "layer.bias": rng.normal(size=width)})


def test_there_and_back(tmp_path: Path) -> None:
    save_component(tmp_path / "net", tiny(), Config(), half=False)
    loaded = Tiny.load(tmp_path / "net")
    x = np.array([[1.0, -2.0]])
    np.testing.assert_array_equal(loaded.linear("layer", x), tiny().linear("layer", x))
    assert loaded.config == Config()
    assert loaded.linear("layer", x).dtype == np.float64


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    save_component(tmp_path / "net", tiny(4), Config(3))
    with pytest.raises(ValueError, match=r"model\.safetensors does not fit its config\.json: size mismatch for layer"):
        Tiny.load(tmp_path / "net")
    for tensors, fault in (({}, "lacking"), (tiny().tensors | {"more": np.zeros(1, np.float32)}, "no weight of it")):
        save_file(tensors, tmp_path / "net" / "model.safetensors")
        (tmp_path / "net" / "config.json").write_text('{"width": 3}')  # without a checksum
        with pytest.raises(ValueError, match=rf"does not fit its config\.json: '[\w.]+' is {fault}"):
            Tiny.load(tmp_path / "net")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_files_that_are_missing_or_damaged(tmp_path: Path, name: str) -> None:
    save_component(tmp_path / "net", tiny(), Config())
    path = tmp_path / "net" / name
    for content in (b"", b"{", b"[8]", json.dumps({"width": "wide", "other": 1}).encode(), b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"net/{name}'? is (damaged|not)") as caught:
            Tiny.load(tmp_path / "net")
        assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(ValueError, match=rf"net/{name} is missing; give a folder"):
        Tiny.load(tmp_path / "net")


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    network = tiny()
    network.tensors["layer.bias"][0] = np.nan
    save_component(tmp_path / "net", network, Config())
    with pytest.raises(ValueError, match=r"model\.safetensors' is damaged: 'layer\.bias' holds numbers that are not"):
        Tiny.load(tmp_path / "net")
