"""Tiny panoptic models of transformers with random weights, saved as folders that the real loading code reads.

Their class heads are biased so that queries name something: what they say is arbitrary, how it is read is real.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMES = {0: "dog", 1: "person", 2: "sky-other-merged", 3: "grass-merged"}
KINDS = ("mask2former", "maskformer", "detr")


def save_segmenter(kind: str, folder: Path, names: dict[int, str] | None = NAMES) -> Path:
    """A folder with the model and the processor of this kind; ``names`` None leaves transformers' LABEL_0."""
    import torch

    torch.manual_seed(0)
    network, processor, head = _BUILD[kind]({} if names is None else _labels(names))
    with torch.no_grad():
        head.weight.normal_(0, 2)
        head.bias[-1] = -100  # never "no object"
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _labels(names: dict[int, str]) -> dict[str, Any]:
    return {"id2label": names, "label2id": {name: key for key, name in names.items()}}


def _swin() -> Any:
    from transformers import SwinConfig

    return SwinConfig(
        image_size=32, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip


def _mask2former(labels: dict[str, Any]) -> tuple[Any, Any, Any]:
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, Mask2FormerImageProcessorPil

    config = Mask2FormerConfig(
        backbone_config=_swin(), feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16, num_queries=8, **labels,
    )  # fmt: skip
    network = Mask2FormerForUniversalSegmentation(config)
    return network, Mask2FormerImageProcessorPil(size={"height": 64, "width": 64}), network.class_predictor


def _maskformer(labels: dict[str, Any]) -> tuple[Any, Any, Any]:
    from transformers import (
        DetrConfig,
        MaskFormerConfig,
        MaskFormerForInstanceSegmentation,
        MaskFormerImageProcessorPil,
    )

    decoder = DetrConfig(d_model=32, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16, num_queries=8)
    config = MaskFormerConfig(
        fpn_feature_size=32, mask_feature_size=32, backbone_config=_swin(), decoder_config=decoder, **labels
    )
    network = MaskFormerForInstanceSegmentation(config)
    return network, MaskFormerImageProcessorPil(size={"height": 64, "width": 64}), network.class_predictor


def _detr(labels: dict[str, Any]) -> tuple[Any, Any, Any]:
    from transformers import DetrConfig, DetrForSegmentation, DetrImageProcessorPil, ResNetConfig

    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = DetrConfig(
        use_timm_backbone=False, backbone=None, backbone_config=backbone, d_model=128, encoder_layers=1,
        decoder_layers=1, encoder_attention_heads=8, decoder_attention_heads=8, encoder_ffn_dim=16, decoder_ffn_dim=16,
        num_queries=8, **labels,
    )  # fmt: skip
    network = DetrForSegmentation(config)
    return (
        network,
        DetrImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96}),
        network.detr.class_labels_classifier,
    )


_BUILD = {"mask2former": _mask2former, "maskformer": _maskformer, "detr": _detr}
