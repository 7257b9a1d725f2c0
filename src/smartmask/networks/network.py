"""What numpy's networks share: weights by name, proven to fit their config, and a folder that holds both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from smartmask.io.components import WEIGHTS, arrays_of, read_config
from smartmask.io.reading import read_tensors
from smartmask.networks.layers import conv2d, linear

Shapes = dict[str, tuple[int, ...]]


class Network(ABC):
    """Weights and a forward pass. A subclass tells ``Config``, ``shapes``, and what it computes.

    tensors: float32 by the names that the torch module in ``train/networks/`` gives them.
    """

    Config: ClassVar[Callable[..., Any]]

    def __init__(self, config: Any, tensors: Mapping[str, np.ndarray]) -> None:
        """Raises ValueError for weights that are lacking, not asked for, or of another shape."""
        wanted, self.config = self.shapes(config), config
        for name in sorted({*wanted, *tensors}):
            if name not in tensors or name not in wanted:
                raise ValueError(f"'{name}' is {'lacking' if name in wanted else 'no weight of it'}")
            if tensors[name].shape != wanted[name]:
                raise ValueError(f"size mismatch for {name}: {tensors[name].shape}, not {wanted[name]}")
        self.tensors = {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}
        self._weights = {name: tensor.astype(np.float64) for name, tensor in self.tensors.items()}

    @classmethod
    def of(cls, trained: Any) -> Self:
        """A torch module's weights and ``config``."""
        return cls(trained.config, arrays_of(trained))

    def state_dict(self) -> dict[str, np.ndarray]:
        """The weights by name, float32."""
        return self.tensors

    @staticmethod
    @abstractmethod
    def shapes(config: Any) -> Shapes:
        """Of each weight."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The network of a component folder: ``config.json``, ``model.safetensors``. ValueError if one is damaged."""
        config, path = read_config(folder, cls.Config), folder / WEIGHTS
        if not path.exists():
            raise ValueError(f"{path} is missing; give a folder written by save_pretrained.")
        tensors, _ = read_tensors(path)
        try:
            return cls(config, tensors)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} does not fit its config.json: {error}.") from None

    def weight(self, name: str) -> np.ndarray:
        """A weight in double precision."""
        return self._weights[name]

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        """x (..., in) through a layer."""
        return linear(x, self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias"))

    def conv(self, name: str, x: np.ndarray, stride: int = 1) -> np.ndarray:
        """x (B, in, H, W) through a layer."""
        return conv2d(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], stride)


def linear_shapes(name: str, inner: int, outer: int, bias: bool = True) -> Shapes:
    """The weights of a linear layer."""
    return {f"{name}.weight": (outer, inner)} | ({f"{name}.bias": (outer,)} if bias else {})


def conv_shapes(name: str, inner: int, outer: int, side: int) -> Shapes:
    """The weights of a convolution."""
    return {f"{name}.weight": (outer, inner, side, side), f"{name}.bias": (outer,)}
