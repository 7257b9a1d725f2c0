"""Named configurations, and the saved form of the pipeline's networks: folders of JSON and safetensors."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from smartmask.models.outline import OutlineConfig
from smartmask.models.prior import PriorConfig
from smartmask.models.shape import ShapeConfig

# `tiny` exists for tests: a step takes milliseconds and its masks are blobs. `small` is the bundled
# default. `sd15`, the paper's one-pass latent model, will enter here as a third name.
SHAPE_PRESETS: dict[str, ShapeConfig] = {
    "tiny": ShapeConfig(width=32, depth=2, heads=2),
    "small": ShapeConfig(width=256, depth=8, heads=4),
}
PRIOR_PRESETS: dict[str, PriorConfig] = {
    "tiny": PriorConfig(components=16, width=32, depth=2),
    "small": PriorConfig(),
}

OUTLINE_PRESETS: dict[str, OutlineConfig] = {
    "tiny": OutlineConfig(widths=(8, 16), condition=16),
    "small": OutlineConfig(),
}


def shape_preset(name: str) -> ShapeConfig:
    """The mask network's configuration of a preset; ValueError lists the presets for an unknown name."""
    if name not in SHAPE_PRESETS:
        raise ValueError(f"There is no preset '{name}'; use one of {', '.join(SHAPE_PRESETS)}.")
    return SHAPE_PRESETS[name]


def prior_preset(name: str) -> PriorConfig:
    """The shape prior's configuration of a preset; ValueError lists the presets for an unknown name."""
    if name not in PRIOR_PRESETS:
        raise ValueError(f"There is no preset '{name}'; use one of {', '.join(PRIOR_PRESETS)}.")
    return PRIOR_PRESETS[name]


def outline_preset(name: str) -> OutlineConfig:
    """The outline network's configuration of a preset; ValueError lists the presets for an unknown name."""
    if name not in OUTLINE_PRESETS:
        raise ValueError(f"There is no preset '{name}'; use one of {', '.join(OUTLINE_PRESETS)}.")
    return OUTLINE_PRESETS[name]


def save_component(folder: Path, network: nn.Module, config: Any, half: bool = True) -> None:
    """Writes ``config.json`` and ``model.safetensors`` (float16 if ``half``) to a folder, atomically."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    dtype = torch.float16 if half else torch.float32
    tensors = {k: v.detach().cpu().to(dtype).contiguous() for k, v in network.state_dict().items()}
    save_file(tensors, partial / "model.safetensors")
    (partial / "config.json").write_text(json.dumps(asdict(config), indent=1) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)


Network = TypeVar("Network", bound=nn.Module)


def load_component(folder: Path, network: Callable[[Any], Network], config: Callable[..., Any]) -> Network:
    """The network of a component folder, built from its ``config.json`` and filled with its weights.

    network: its class; config: the class of its configuration. ValueError as in ``load_weights``.
    """
    path = folder / "config.json"
    try:
        settings = config(**json.loads(path.read_text()))
        with torch.device("meta"):  # no time lost on weights that are overwritten at once
            built = network(settings)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; give a folder written by save_pretrained.") from None
    except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:  # no JSON, or sizes that cannot be
        raise ValueError(f"{path} is damaged ({error}); restore it or save the weights again.") from None
    load_weights(folder, built)
    return built


def load_weights(folder: Path, network: nn.Module) -> None:
    """Loads ``model.safetensors`` of a component folder into ``network`` as float32; ValueError on any mismatch."""
    path = folder / "model.safetensors"
    try:
        tensors = load_file(path)
        # assign: the network may have been built without memory (meta device)
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; give a folder written by save_pretrained.") from None
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); copy or train the weights again.") from None
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"{path} does not fit its config.json: {reason}") from None
