"""The saved form of networks: a folder each, of JSON and safetensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from smartmask.io.integrity import SUMS, check_sums, settings_of, sums_of
from smartmask.io.publish import replacing_folder, save_json, save_tensors
from smartmask.io.reading import read_json, read_tensors
from smartmask.io.sentences import reason_of

if TYPE_CHECKING:
    from torch import nn

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def arrays_of(network: Any) -> dict[str, np.ndarray]:
    """The weights of a network by name, torch's or numpy's."""
    state = network.state_dict().items()
    return {name: np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor) for name, tensor in state}


def save_component(folder: Path, network: Any, config: Any, half: bool = True) -> None:
    """Writes ``config.json`` and ``model.safetensors`` (float16 if ``half``) to a folder, atomically.

    network: anything with a ``state_dict``: torch's, or one of ``networks/``.
    """
    dtype = np.float16 if half else np.float32
    tensors = {name: np.array(array, dtype, order="C") for name, array in arrays_of(network).items()}
    with replacing_folder(folder) as partial:
        save_tensors(tensors, partial / WEIGHTS)
        save_json({**asdict(config), SUMS: sums_of(partial, [WEIGHTS])}, partial / CONFIG, indent=1)


Network = TypeVar("Network", bound="nn.Module")


def load_component(folder: Path, network: Callable[[Any], Network], config: Callable[..., Any]) -> Network:
    """The torch network of a component folder, built from its ``config.json`` and filled with its weights.

    network: its class; config: the class of its configuration. ValueError as in ``load_weights``.
    """
    import torch

    path = folder / CONFIG
    settings = read_config(folder, config)
    try:
        with torch.device("meta"):  # no time lost on weights that are overwritten at once
            built = network(settings)
    except (ValueError, TypeError, RuntimeError, ArithmeticError, AssertionError) as error:  # sizes that do not go
        raise ValueError(f"{path} is damaged ({error}); restore it or save the weights again.") from None
    load_weights(folder, built)
    return built


def read_config(folder: Path, config: Callable[..., Any]) -> Any:
    """``config.json`` of a component folder as ``config``, a dataclass, once its weights are known to be those saved.

    Raises ValueError, naming file and field, for what is missing or damaged.
    """
    path = folder / CONFIG
    if not path.exists():
        raise ValueError(f"{path} is missing; give a folder written by save_pretrained.")
    record = read_json(path, "config", unique=True)
    settings = settings_of(config, record, path)
    check_sums(path, record)
    return settings


def load_weights(folder: Path, network: nn.Module) -> None:
    """Loads ``model.safetensors`` of a component folder into ``network`` as float32; ValueError on any mismatch."""
    import torch

    path = folder / WEIGHTS
    if not path.exists():
        raise ValueError(f"{path} is missing; give a folder written by save_pretrained.")
    tensors = read_tensors(path)[0]
    try:
        # assign: the network may have been built without memory (meta device); torch.tensor: in memory of torch's own
        own = {name: torch.tensor(array, dtype=torch.float32) for name, array in tensors.items()}
        network.load_state_dict(own, assign=True)
    except (RuntimeError, TypeError) as error:
        reason = reason_of(RuntimeError(str(error).splitlines()[-1]), 200)
        raise ValueError(f"{path} does not fit its config.json: {reason}") from None
