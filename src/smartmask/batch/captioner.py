"""A model that says what a picture shows: any that transformers' AutoModelForImageTextToText reads, in batches.

BLIP goes on from the beginning of a sentence, InstructBLIP and PaliGemma follow an instruction, and chat models (LLaVA,
Qwen2-VL, Idefics ...) answer a question in their own template. Which words ask is our choice: the papers name BLIP and
InstructBLIP and no prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.errors import OutOfMemoryError
from smartmask.io.hub import is_out_of_memory, quiet
from smartmask.plan.planners.vision_models import open_model, wording

# model_type of those that take words as they are: what they are asked where no prompt is given
PROMPTS = {
    "blip": "", "blip-2": "", "git": "", "instructblip": "A short image description:", "paligemma": "caption en",
    "florence2": "<CAPTION>",
}  # fmt: skip
QUESTION = "Describe the picture in one short sentence."
NESTED = ("idefics2", "idefics3", "smolvlm", "mllama")  # want a list of pictures a text
LONGEST = 1000  # characters of a caption


class Captioner:
    """A loaded model. prompt: None for its family's usual one. tokens: of a caption at most. beams: of the search."""

    def __init__(self, processor: Any, model: Any, prompt: str | None = None, tokens: int = 40, beams: int = 1) -> None:
        self.processor, self.model, self.tokens, self.beams = processor, model.eval(), tokens, beams
        self.kind = str(model.config.model_type)
        self.chats = bool(getattr(processor, "chat_template", None)) or self.kind not in PROMPTS
        asked = prompt if prompt is not None else QUESTION if self.chats else PROMPTS[self.kind]
        self.words = wording(processor, [("user", asked)]) if self.chats else asked
        tokenizer = getattr(processor, "tokenizer", None)
        if tokenizer is not None and not getattr(model.config, "is_encoder_decoder", False):
            tokenizer.padding_side = "left"  # what is generated follows the words

    @classmethod
    def from_pretrained(
        cls, name: str | Path, device: str = "cpu", dtype: str = "float32", prompt: str | None = None,
        tokens: int = 40, beams: int = 1,
    ) -> Captioner:  # fmt: skip
        """A hub name or folder. Raises ModelError or ModelMissingError of one sentence where it cannot be loaded."""
        import torch

        processor, model = open_model(name, getattr(torch, dtype), "captions of your own work too")
        return cls(processor, model.to(device), prompt, tokens, beams)

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[str]:
        """A sentence a picture, (H, W, 3) uint8 RGB; empty where the model says nothing.

        Where memory is too small for all at once they go in halves. Raises OutOfMemoryError where one is too many.
        """
        try:
            return [_tidy(text) for text in self._said(pictures)]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if len(pictures) == 1:
                raise OutOfMemoryError("There is not enough memory for one picture in the captioning model") from error
        self._let_go()
        half = len(pictures) // 2
        return self(pictures[:half]) + self(pictures[half:])

    def _said(self, pictures: Sequence[np.ndarray]) -> list[str]:
        import torch
        from PIL import Image

        images: list[Any] = [Image.fromarray(np.ascontiguousarray(picture)) for picture in pictures]
        if self.kind in NESTED:
            images = [[image] for image in images]
        words = {"text": [self.words] * len(images), "padding": True} if self.words else {}
        with torch.inference_mode(), quiet("transformers"):
            inputs = self.processor(images=images, return_tensors="pt", **words)
            ready = {
                key: value.to(self.model.device, self.model.dtype if value.is_floating_point() else None)
                for key, value in inputs.items()
            }
            tokens = self.model.generate(**ready, max_new_tokens=self.tokens, num_beams=self.beams, do_sample=False)
        asked = ready.get("input_ids")
        if asked is not None and self.kind != "blip":  # BLIP's words are the beginning of its sentence
            length = asked.shape[1]
            if tokens.shape[1] >= length and bool((tokens[:, :length] == asked).all()):
                tokens = tokens[:, length:]
        return [str(text) for text in self.processor.batch_decode(tokens, skip_special_tokens=True)]

    def _let_go(self) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _tidy(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:LONGEST]
