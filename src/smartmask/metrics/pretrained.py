"""Pretrained judges by hub name or local folder: image features, CLIP score, and a promptable segmenter.

All are classes of transformers, imported only when used, but for FID's own Inception (``inception.py``); only weights
in safetensors are read. None of them is bundled; with random weights their figures mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.geometry import BoxXYXY, box_mask
from smartmask.metrics.inception_weights import weights_in

BATCH = 16  # pictures at once
CLIP_PROMPT = "a photo of a {}"


Features = Callable[[Sequence[np.ndarray]], np.ndarray]  # (H, W, 3) uint8 pictures -> (n, D) float64


def load_features(name: str | Path, device: str = "cpu") -> Features:
    """FID's Inception where a folder holds its weights, else any vision model of transformers.

    Raises ValueError where it cannot be loaded.
    """
    if weights_in(Path(name)) is not None:
        from smartmask.metrics.inception import InceptionFeatures

        return InceptionFeatures.from_folder(Path(name), device)
    return ImageFeatures.from_pretrained(str(name), device)


class ImageFeatures:
    """Picture -> feature vector, for Frechet distances."""

    def __init__(self, model: Any, processor: Any, device: str = "cpu") -> None:
        self.model, self.processor, self.device = model.eval().to(device), processor, device

    @classmethod
    def from_pretrained(cls, name: str, device: str = "cpu") -> ImageFeatures:
        """Any vision model of transformers (ViT, ResNet, DINOv2, CLIP ...). ValueError where it cannot be loaded."""

        def load() -> ImageFeatures:
            from transformers import AutoImageProcessor, AutoModel

            model = AutoModel.from_pretrained(name, use_safetensors=True)
            return cls(model, AutoImageProcessor.from_pretrained(name), device)

        return _loaded("feature network", name, load)

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """``(n, D)`` float64 of (H, W, 3) uint8 RGB pictures: CLIP's image embedding, else the pooled output.

        A model without a pooled output gives the mean over its last hidden states.
        """
        import torch

        found = []
        for start in range(0, len(pictures), BATCH):
            inputs = self.processor(images=list(pictures[start : start + BATCH]), return_tensors="pt").to(self.device)
            with torch.inference_mode():
                found.append(self._pooled(inputs["pixel_values"]).double().cpu().numpy())
        return np.concatenate(found)

    def _pooled(self, pixels: Any) -> Any:
        run = getattr(self.model, "get_image_features", None)
        output = self.model(pixel_values=pixels) if run is None else run(pixel_values=pixels)
        if not hasattr(output, "last_hidden_state"):
            return output.flatten(1)  # get_image_features of older releases: the embedding itself
        pooled = getattr(output, "pooler_output", None)
        if pooled is not None:
            return pooled.flatten(1)
        hidden = output.last_hidden_state  # (n, tokens, D), or (n, D, h, w)
        return hidden.mean(dim=1) if hidden.ndim == 3 else hidden.flatten(2).mean(dim=2)


class ClipScore:
    """Cosine of a picture's and a text's CLIP embeddings, in [-1, 1]; the papers' .2 to .3 are of this scale."""

    def __init__(self, model: Any, processor: Any, device: str = "cpu") -> None:
        self.model, self.processor, self.device = model.eval().to(device), processor, device

    @classmethod
    def from_pretrained(cls, name: str, device: str = "cpu") -> ClipScore:
        """A CLIP model of transformers. ValueError where it cannot be loaded, or is no CLIP."""

        def load() -> ClipScore:
            from transformers import AutoModel, AutoProcessor

            model = AutoModel.from_pretrained(name, use_safetensors=True)
            if not (hasattr(model, "get_text_features") and hasattr(model, "get_image_features")):
                raise ValueError(f"it is a {type(model).__name__}, which does not read texts")
            return cls(model, AutoProcessor.from_pretrained(name), device)

        return _loaded("CLIP model", name, load)

    def __call__(self, pictures: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
        """``(n,)`` float64: each (H, W, 3) uint8 RGB picture with CLIP_PROMPT of its own name."""
        return self.of_texts(pictures, [CLIP_PROMPT.format(name) for name in names])

    def of_texts(self, pictures: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
        """``(n,)`` float64: each picture with its own text as it is."""
        import torch

        scores: list[float] = []
        for start in range(0, len(pictures), BATCH):
            inputs = self.processor(
                text=list(texts[start : start + BATCH]),
                images=list(pictures[start : start + BATCH]),
                return_tensors="pt",
                padding=True,
                truncation=True,
                max_length=self.model.config.text_config.max_position_embeddings,
            ).to(self.device)
            with torch.inference_mode():
                output = self.model(**inputs)
            pairs = torch.cosine_similarity(output.image_embeds, output.text_embeds)
            scores += pairs.double().cpu().tolist()
        return np.array(scores)


class BoxSegmenter:
    """What a promptable segmenter (SAM, SAM-HQ) takes for the object in a box."""

    def __init__(self, model: Any, processor: Any, device: str = "cpu") -> None:
        self.model, self.processor, self.device = model.eval().to(device), processor, device

    @classmethod
    def from_pretrained(cls, name: str, device: str = "cpu") -> BoxSegmenter:
        """ValueError where it cannot be loaded. SAM 2's processor needs torchvision and so does not load here."""

        def load() -> BoxSegmenter:
            from transformers import AutoModelForMaskGeneration, AutoProcessor

            processor = AutoProcessor.from_pretrained(name)
            return cls(AutoModelForMaskGeneration.from_pretrained(name, use_safetensors=True), processor, device)

        return _loaded("segmenter", name, load)

    def __call__(self, picture: np.ndarray, box: BoxXYXY) -> np.ndarray:
        """``(H, W)`` bool: of the model's proposals the one it trusts most, within the box; may be empty.

        picture: (H, W, 3) uint8 RGB.
        """
        import torch

        inputs = self.processor(images=picture, input_boxes=[[list(box)]], return_tensors="pt").to(self.device)
        with torch.inference_mode():
            output = self.model(**inputs, multimask_output=True)
        sizes = [inputs[key].cpu() for key in ("original_sizes", "reshaped_input_sizes") if key in inputs]
        proposals = self.processor.post_process_masks(output.pred_masks.cpu(), *sizes)[0][0]  # (3, H, W)
        best = int(output.iou_scores[0, 0].argmax())
        return proposals[best].numpy().astype(bool) & box_mask(box, *picture.shape[:2])


def _loaded(what: str, name: str, load: Callable[[], Any]) -> Any:
    """What ``load`` gives, or one sentence on why the model of this name cannot be had."""
    try:
        return load()
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"The {what} '{name}' needs the package '{error.name}'; 'pip install smartmask[insert]' brings it"
        ) from error
    except (OSError, ValueError, ImportError, KeyError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[0].rstrip(".") if lines else type(error).__name__
        if "torchvision" in reason.lower():  # transformers would have it installed, which breaks other models here
            raise ValueError(
                f"The {what} '{name}' works with torchvision only, which this project does without; take another "
                "model, such as SAM (the first) or SAM-HQ for a segmenter."
            ) from error
        raise ValueError(
            f"The {what} '{name}' cannot be loaded ({reason}); give a folder with config.json and safetensors, or "
            f"fetch it with 'hf download {name}'."
        ) from error
