"""Texts as what a network attends to: our own vocabulary's vectors, or the states of a frozen CLIP text model."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch

from smartmask.text.encoder import TEXT_DIM, TextEncoder


class Words(Protocol):
    """Texts to what the network attends to, in two steps: tokens are made while data is read, states beside
    the network. An empty name and caption stand for no text at all."""

    def tokens(self, name: str, caption: str = "") -> np.ndarray:
        """Tokens of an object's name, alone or with a sentence about the picture."""
        ...

    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        """``(B, ...)`` tokens -> ``(B, words, width)``."""
        ...


class VocabularyWords:
    """Two words from our vocabulary: the name's vector and the caption's; zeros for what is not said."""

    def __init__(self, text: TextEncoder) -> None:
        self.text = text

    def tokens(self, name: str, caption: str = "") -> np.ndarray:
        """``(2, TEXT_DIM)`` float32."""
        vector = self.text.encode(name) if name.strip() else np.zeros(TEXT_DIM, dtype=np.float32)
        return np.stack([vector, self.text.encode_context(caption)]).astype(np.float32)

    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens


class ClipWords:
    """The frozen CLIP text model of a Stable Diffusion folder; it reads "NAME, CAPTION"."""

    def __init__(self, tokenizer: Any, text_encoder: Any) -> None:
        self.tokenizer, self.text_encoder = tokenizer, text_encoder.eval().requires_grad_(False)

    def tokens(self, name: str, caption: str = "") -> np.ndarray:
        """``(length,)`` int64 ids, padded to the model's length."""
        said = ", ".join(part.strip() for part in (name, caption) if part.strip())
        length = min(self.tokenizer.model_max_length, self.text_encoder.config.max_position_embeddings)
        ids = self.tokenizer(said, padding="max_length", max_length=length, truncation=True)["input_ids"]
        return np.array(ids, dtype=np.int64)

    @torch.no_grad()
    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.text_encoder(tokens.to(self.text_encoder.device))[0]
