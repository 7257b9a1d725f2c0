"""Texts as what a network attends to: our own vocabulary's vectors, or the states of a frozen CLIP text model."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from smartmask.text.encoder import TEXT_DIM, TextEncoder

NOTHING = -1  # in the place of a token where there is no text


class Told(NamedTuple):
    """What a network is told of texts: states (B, words, width), and for SDXL a pooled vector (B, width) each."""

    states: torch.Tensor
    pooled: torch.Tensor | None = None


class Words(Protocol):
    """Texts to what the network attends to, in two steps: tokens are made while data is read, states beside
    the network. An empty name and caption stand for no text at all."""

    def tokens(self, name: str, caption: str = "") -> np.ndarray:
        """Tokens of an object's name, alone or with a sentence about the picture."""
        ...

    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        """``(B, ...)`` tokens -> ``(B, words, width)``."""
        ...

    def told(self, tokens: torch.Tensor) -> Told:
        """``(B, ...)`` tokens -> all that the network is told of them."""
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

    def told(self, tokens: torch.Tensor) -> Told:
        return Told(tokens)


class ClipWords:
    """The frozen CLIP text model of a Stable Diffusion folder; it reads "NAME, CAPTION"."""

    def __init__(self, tokenizer: Any, text_encoder: Any) -> None:
        self.tokenizer, self.text_encoder = tokenizer, text_encoder.eval().requires_grad_(False)

    def tokens(self, name: str, caption: str = "") -> np.ndarray:
        """``(length,)`` int64 ids, padded to the model's length."""
        return _ids(self.tokenizer, self.text_encoder, _said(name, caption))

    @torch.no_grad()
    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.text_encoder(tokens.to(self.text_encoder.device))[0]

    def told(self, tokens: torch.Tensor) -> Told:
        return Told(self.states(tokens))


class ClipPairWords:
    """The two frozen CLIP text models of an SDXL folder (arXiv 2307.01952, section 2.1), as its own pipeline uses them:
    the states before the last layer, side by side, and the second model's pooled vector. No text is all zeros, since
    that is what SDXL's network learnt to take for none.
    """

    def __init__(self, tokenizers: tuple[Any, Any], text_encoders: tuple[Any, Any]) -> None:
        self.tokenizer, self.tokenizer_2 = tokenizers
        self.text_encoder, self.text_encoder_2 = (one.eval().requires_grad_(False) for one in text_encoders)

    def tokens(self, name: str, caption: str = "") -> np.ndarray:
        """``(2, length)`` int64 ids, a row a model; -1 everywhere for no text."""
        said = _said(name, caption)
        pairs = ((self.tokenizer, self.text_encoder), (self.tokenizer_2, self.text_encoder_2))
        ids = np.stack([_ids(tokenizer, encoder, said) for tokenizer, encoder in pairs])
        return ids if said else np.full_like(ids, NOTHING)

    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.told(tokens).states

    @torch.no_grad()
    def told(self, tokens: torch.Tensor) -> Told:
        tokens = tokens.to(self.text_encoder.device)
        said = (tokens >= 0).any(dim=(1, 2))
        ids = tokens.clamp_min(0)
        first = self.text_encoder(ids[:, 0], output_hidden_states=True)
        second = self.text_encoder_2(ids[:, 1], output_hidden_states=True)
        states = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=2)
        return Told(states * said[:, None, None], second.text_embeds * said[:, None])


def _said(name: str, caption: str) -> str:
    return ", ".join(part.strip() for part in (name, caption) if part.strip())


def _ids(tokenizer: Any, text_encoder: Any, said: str) -> np.ndarray:
    length = min(tokenizer.model_max_length, text_encoder.config.max_position_embeddings)
    ids = tokenizer(said, padding="max_length", max_length=length, truncation=True)["input_ids"]
    return np.array(ids, dtype=np.int64)
