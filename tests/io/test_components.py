"""The saved form of a network: there and back, and every way it can be damaged."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from smartmask.io.components import load_component, load_weights, save_component

CHECKSUM = r"net/model\.safetensors is damaged: its checksum is not the one in config\.json; restore it\.$"


@dataclass(frozen=True)
class Config:
    """width: of the one layer."""

    width: int = 8
    text_dim: int = 128


class Network(torch.nn.Module):
    """A layer and a norm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layer = torch.nn.Linear(config.text_dim, config.width)
        self.norm = torch.nn.GroupNorm(1, config.width)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A small component, saved."""
    torch.manual_seed(0)
    save_component(tmp_path / "net", Network(Config(width=8)), Config(width=8))
    return tmp_path / "net"


def load(folder: Path) -> Network:
    return load_component(folder, Network, Config)


@pytest.mark.parametrize("half", [True, False])
def test_there_and_back(tmp_path: Path, half: bool) -> None:
    torch.manual_seed(0)
    network = Network(Config())
    save_component(tmp_path / "net", network, network.config, half=half)
    loaded = load_component(tmp_path / "net", Network, Config)
    assert loaded.config == network.config
    for (name, own), (_, other) in zip(network.state_dict().items(), loaded.state_dict().items(), strict=True):
        assert other.dtype == torch.float32, name
        assert other.device.type == "cpu"
        torch.testing.assert_close(other, own, rtol=1e-3 if half else 0, atol=1e-6 if half else 0)


def test_only_json_and_safetensors_are_written(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["config.json", "model.safetensors"]
    assert [path.name for path in saved.parent.iterdir()] == ["net"]
    config = json.loads((saved / "config.json").read_text())
    assert config.pop("sha256").keys() == {"model.safetensors"}
    assert config == {"width": 8, "text_dim": 128}
    assert (saved / "model.safetensors").read_bytes()[8:9] == b"{"  # its header is JSON


def test_saving_again_replaces(saved: Path) -> None:
    (saved / "stray.bin").write_bytes(b"old")
    save_component(saved, Network(Config(width=4)), Config(width=4))
    assert load(saved).config.width == 4
    assert not (saved / "stray.bin").exists()


def test_a_failure_while_saving_leaves_the_old_component(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (saved / "model.safetensors").read_bytes()

    def fail(tensors: dict, path: Path, metadata: None) -> None:
        path.write_bytes(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", fail)
    with pytest.raises(OSError, match="No space"):
        save_component(saved, Network(Config(width=4)), Config(width=4))
    assert (saved / "model.safetensors").read_bytes() == before
    monkeypatch.undo()
    save_component(saved, Network(Config(width=4)), Config(width=4))  # what was left does not disturb
    assert load(saved).config.width == 4


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ValueError, match=rf"net/{name} is missing; give a folder written by save_pretrained"):
        load(saved)


@pytest.mark.parametrize(
    "content",
    ["", "{", '"width"', "[8]", "null", '{"width": 8, "colour": 1}', '{"width": "wide"}', '{"width": -8}', "\udcff"],
)
def test_a_damaged_config(saved: Path, content: str) -> None:
    (saved / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"net/config\.json'? is (damaged: .*; restore it|not (UTF-8|valid JSON))"):
        load(saved)


def test_a_config_that_cannot_be_built(saved: Path) -> None:
    for key, value in (("width", -2), ("text_dim", -1)):
        (saved / "config.json").write_text(json.dumps({"width": 8, key: value}))
        with pytest.raises(ValueError, match=r"net/config\.json is damaged"):
            load(saved)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_weights_file(saved: Path, keep: int) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=CHECKSUM):
        load(saved)


def test_weights_of_another_size(saved: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.safetensors does not fit its config\.json: size mismatch") as caught:
        load_weights(saved, Network(Config(width=16)))
    assert "\n" not in str(caught.value)


def test_weights_of_another_network(saved: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.safetensors does not fit its config\.json") as caught:
        load_weights(saved, torch.nn.Linear(2, 2))
    assert "\n" not in str(caught.value)


def without_sums(folder: Path) -> None:
    """Makes a component as older versions saved it, or as someone who changes a config by hand leaves it."""
    config = json.loads((folder / "config.json").read_text())
    config.pop("sha256")
    (folder / "config.json").write_text(json.dumps(config))


class Trap:
    """Whoever unpickles this raises the alarm."""

    def __reduce__(self) -> tuple:
        return pytest.fail, ("a pickle was loaded",)


def test_a_pickle_is_never_loaded(saved: Path) -> None:
    (saved / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    without_sums(saved)
    with pytest.raises(ValueError, match=r"model\.safetensors' is damaged"):
        load(saved)
    (saved / "model.safetensors").unlink()
    (saved / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match=r"model\.safetensors is missing"):
        load(saved)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite(saved: Path, value: float) -> None:
    network = Network(Config())
    with torch.no_grad():
        network.layer.weight[3, 5] = value
    save_component(saved, network, network.config)
    with pytest.raises(ValueError, match=r"safetensors' is damaged: 'layer\.weight' holds numbers that are not finite"):
        load(saved)


def test_noise_in_place_of_weights(saved: Path) -> None:
    data = bytearray((saved / "model.safetensors").read_bytes())
    data[-100:] = bytes(range(100))  # half floats, all of them finite
    (saved / "model.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=CHECKSUM):
        load(saved)


def test_a_component_without_checksums_still_loads(saved: Path) -> None:
    without_sums(saved)
    assert load(saved).config.width == 8


@dataclass(frozen=True)
class Large:
    """Sizes that a file could make anything of."""

    width: int = 8
    depth: int = 2
    steps: int = 20
    rate: float = 0.1
    names: tuple[str, ...] = ()
    fast: bool = False


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("width", 10**6, "a whole number from 1 to 65,536"), ("width", 0, "a whole number"),
        ("width", -8, "a whole number"), ("width", 8.0, "a whole number"), ("width", True, "a whole number"),
        ("width", "8", "a whole number"), ("width", None, "a whole number"), ("width", 10**18, "a whole number"),
        ("depth", 10**6, "a whole number from 1 to 1,000"), ("steps", "x", "a whole number from 1 to 1,000"),
        ("rate", "0.1", "a number"), ("rate", 1e300, "a number"), ("rate", True, "a number"),
        ("names", "dog", "a list"), ("names", [3], "a text"), ("names", ["a" * 10_001], "a name of 10,001 characters"),
        ("names", ["do\x1b[31mg"], "control characters"), ("fast", 1, "true or false"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_told_before_anything_is_made(
    saved: Path, field: str, value: object, wanted: str
) -> None:
    def never(config: object) -> torch.nn.Module:
        pytest.fail("a network was made")

    (saved / "config.json").write_text(json.dumps({field: value}))
    with pytest.raises(ValueError, match=rf"net/config\.json is damaged: its {field} .*{wanted}.*\.$") as caught:
        load_component(saved, never, Large)
    assert "\x1b" not in str(caught.value)
