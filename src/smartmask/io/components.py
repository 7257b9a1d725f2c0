"""The saved form of networks: a folder each, of JSON and safetensors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from smartmask.io.publish import replacing_folder, save_json, save_tensors


def save_component(folder: Path, network: nn.Module, config: Any, half: bool = True) -> None:
    """Writes ``config.json`` and ``model.safetensors`` (float16 if ``half``) to a folder, atomically."""
    dtype = torch.float16 if half else torch.float32
    tensors = {k: v.detach().cpu().to(dtype).contiguous() for k, v in network.state_dict().items()}
    with replacing_folder(folder) as partial:
        save_tensors(tensors, partial / "model.safetensors")
        save_json(asdict(config), partial / "config.json", indent=1)


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
