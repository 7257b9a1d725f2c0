"""The saved form of networks: a folder each, of JSON and safetensors."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

if TYPE_CHECKING:
    from torch import nn


def arrays_of(network: Any) -> dict[str, np.ndarray]:
    """The weights of a network by name, torch's or numpy's."""
    state = network.state_dict().items()
    return {name: np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor) for name, tensor in state}


def save_component(folder: Path, network: Any, config: Any, half: bool = True) -> None:
    """Writes ``config.json`` and ``model.safetensors`` (float16 if ``half``) to a folder, atomically.

    network: anything with a ``state_dict``: torch's, or one of ``networks/``.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    dtype = np.float16 if half else np.float32
    tensors = {name: np.array(array, dtype, order="C") for name, array in arrays_of(network).items()}
    save_file(tensors, partial / "model.safetensors")
    (partial / "config.json").write_text(json.dumps(asdict(config), indent=1) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)


Network = TypeVar("Network", bound="nn.Module")


def load_component(folder: Path, network: Callable[[Any], Network], config: Callable[..., Any]) -> Network:
    """The torch network of a component folder, built from its ``config.json`` and filled with its weights.

    network: its class; config: the class of its configuration. ValueError as in ``load_weights``.
    """
    import torch

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
    import torch

    path = folder / "model.safetensors"
    try:
        tensors = {name: torch.from_numpy(np.asarray(array, np.float32)) for name, array in load_file(path).items()}
        # assign: the network may have been built without memory (meta device)
        network.load_state_dict(tensors, assign=True)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; give a folder written by save_pretrained.") from None
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); copy or train the weights again.") from None
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"{path} does not fit its config.json: {reason}") from None
