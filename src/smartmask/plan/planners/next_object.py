"""Which object comes next: a small transformer over the objects so far, the caption and the kind of annotation.

Objects are name vectors with their boxes, so any name can be read. Every known name is scored by the product of
the state with a projection of its vector plus a learnt bias; one more score says that the scene is complete. For
a name the network also gives its box (a Gaussian), its mean count, and how far in front it tends to stand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smartmask.networks.layers import attention, gelu, layer_norm, linear, log_softmax
from smartmask.networks.network import Network, Shapes, linear_shapes

BOX = 4  # centre x, lower edge y, log width, log height, as shares of the picture
STYLE_COUNT = 4
DEPTH = 32  # hidden units of what tells depth
LONGEST = 16  # objects that are read of a longer scene, the last ones


@dataclass(frozen=True)
class NextObjectConfig:
    """Sizes; names: the known names in the order of the biases."""

    names: tuple[str, ...] = ()
    width: int = 96
    depth: int = 2
    heads: int = 4
    text_dim: int = 128
    dropout: float = 0.2

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))


class NextObjectNetwork(Network):
    """(objects so far, caption, style) -> scores of names, and for each name its box, count and depth.

    ``train/networks/next_object.py`` trains it.
    """

    Config = NextObjectConfig

    @staticmethod
    def shapes(config: NextObjectConfig) -> Shapes:
        """Of each weight."""
        width, text = config.width, config.text_dim
        found: Shapes = {"style.weight": (STYLE_COUNT, width), "bias.weight": (STYLE_COUNT, len(config.names) + 1)}
        for name in ("object", "caption", "name"):
            found |= linear_shapes(name, text, width)
        found |= linear_shapes("box.0", BOX + 1, width) | linear_shapes("box.2", width, width)
        for layer in (f"encoder.layers.{i}" for i in range(config.depth)):
            found[f"{layer}.self_attn.in_proj_weight"] = (3 * width, width)
            found[f"{layer}.self_attn.in_proj_bias"] = (3 * width,)
            found |= linear_shapes(f"{layer}.self_attn.out_proj", width, width)
            found |= linear_shapes(f"{layer}.linear1", width, 3 * width)
            found |= linear_shapes(f"{layer}.linear2", 3 * width, width)
            found |= _norm_shapes(f"{layer}.norm1", width) | _norm_shapes(f"{layer}.norm2", width)
        found |= _norm_shapes("encoder.norm", width) | linear_shapes("end", width, 1)
        found |= linear_shapes("details.0", width + text, 2 * width)
        found |= linear_shapes("details.3", 2 * width, 2 * BOX + 1)
        return found | linear_shapes("depth.0", text, DEPTH) | linear_shapes("depth.2", DEPTH, 1)

    def state(self, names: np.ndarray, boxes: np.ndarray, caption: np.ndarray, style: int) -> np.ndarray:
        """``(width,)``. names: (N, text_dim) of the objects so far; boxes: (N, BOX + 1), the last 1 where a box is
        known. caption: (text_dim,), zeros for none. style: an index in STYLES."""
        first = self.weight("style.weight")[style] + self.linear("caption", caption)
        seen = self.linear("object", names) + self.linear("box.2", gelu(self.linear("box.0", boxes)))
        tokens = np.concatenate([first[None], seen])
        for layer in (f"encoder.layers.{i}" for i in range(self.config.depth)):
            tokens = tokens + self._attended(f"{layer}.self_attn", self._normed(f"{layer}.norm1", tokens))
            inner = gelu(self.linear(f"{layer}.linear1", self._normed(f"{layer}.norm2", tokens)))
            tokens = tokens + self.linear(f"{layer}.linear2", inner)
        state: np.ndarray = self._normed("encoder.norm", tokens[:1])[0]
        return state

    def scores(self, state: np.ndarray, table: np.ndarray, style: int) -> np.ndarray:
        """``(names + 1,)`` log-probabilities of the next name, the last for the end. table: (names, text_dim)."""
        logits = self.linear("name", table) @ state / math.sqrt(self.config.width)
        return log_softmax(np.concatenate([logits, self.linear("end", state)]) + self.weight("bias.weight")[style])

    def describe(self, state: np.ndarray, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Box means and log deviations (BOX,), and log mean count, of a name's vector (text_dim,)."""
        raw = self.linear("details.3", gelu(self.linear("details.0", np.concatenate([state, vector]))))
        return raw[:BOX], np.clip(raw[BOX : 2 * BOX], -3, 1), float(np.clip(raw[2 * BOX], -1, 3))

    def nearness(self, vectors: np.ndarray) -> np.ndarray:
        """``(B,)``: the odds that one stands in front of another are the difference of theirs (Bradley and Terry)."""
        found: np.ndarray = self.linear("depth.2", gelu(self.linear("depth.0", vectors)))[:, 0]
        return found

    def _normed(self, name: str, x: np.ndarray) -> np.ndarray:
        return layer_norm(x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"))

    def _attended(self, name: str, x: np.ndarray) -> np.ndarray:
        every = linear(x, self.weight(f"{name}.in_proj_weight"), self.weight(f"{name}.in_proj_bias"))
        queries, keys, values = np.split(every, 3, axis=1)
        return self.linear(f"{name}.out_proj", attention(queries, keys, values, self.config.heads))


def _norm_shapes(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def box_numbers(boxes: np.ndarray) -> np.ndarray:
    """``(..., BOX)`` of boxes (..., 4) x0, y0, x1, y1 in shares of the picture."""
    x0, y0, x1, y1 = np.moveaxis(np.asarray(boxes, np.float32), -1, 0)
    width, height = np.maximum(x1 - x0, 1e-3), np.maximum(y1 - y0, 1e-3)
    return np.stack([(x0 + x1) / 2, y1, np.log(width), np.log(height)], axis=-1)
