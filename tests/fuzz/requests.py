"""Targets: requests as JSON, sentences, answers of language models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fuzz.mutate import mutate_json, mutate_text
from fuzz.scenes import a_scene, dumped, value_of
from fuzz.target import Target
from smartmask.data.jobs import CurateJob, PackJob, SummaryJob
from smartmask.insertion.job import InsertJob, RemoveJob
from smartmask.io.checks import check_prompt
from smartmask.io.settings import Settings
from smartmask.masks.exemplar.attributes import read_wish
from smartmask.masks.exemplar.own_jobs import MemoryAdd, MemoryShow
from smartmask.masks.job import MasksJob
from smartmask.masks.model import MaskRequest
from smartmask.plan.language.phrases import parse
from smartmask.plan.layouts.job import LayoutJob
from smartmask.plan.layouts.phrase_job import PhraseInsertJob
from smartmask.plan.layouts.planned_job import PlannedInsertJob
from smartmask.plan.planners.answers import read_answer
from smartmask.plan.planners.interface import PlanState
from smartmask.scene import Layer
from smartmask.text.labels import bundled_encoder
from smartmask.train.config import FOLDER, read_config
from smartmask.train.settings import LatentTrainSettings

REQUESTS: dict[str, tuple[type[Settings], dict[str, object]]] = {
    "masks": (MasksJob, {"image": "a.png", "out": "o", "object": "dog", "box": ["1,2,3,4"], "num_masks": 3, "seed": 5}),
    "mask": (MaskRequest, {"object": "dog", "steps": 5, "guidance_scale": 1.5, "order": 0, "diverse": True}),
    "insert": (
        InsertJob,
        {"photo": "a.png", "out": "o", "object": ["dog"], "feather": 1.5, "shadow": "layer", "pick": 1},
    ),
    "phrase": (PhraseInsertJob, {"photo": "a.png", "out": "o", "objects": "two dogs on grass", "format": "webp"}),
    "planned": (PlannedInsertJob, {"photo": "a.png", "out": "o", "planner": "learned", "ideas": 2, "places": "free"}),
    "remove": (RemoveJob, {"photo": "a.png", "out": "o", "region": "1,2,3,4", "grow": 3, "precision": 0.5}),
    "layout": (LayoutJob, {"text": "a dog on grass", "out": "o", "size": "64x48", "ideas": 2, "animation": False}),
    "summary": (SummaryJob, {"path": "p", "format": "voc", "scenes": 4, "columns": 2, "tile": 64, "top": 3}),
    "pack": (PackJob, {"out": "a.parquet", "source": ["voc=p"], "max_side": 64, "skip_bad": True}),
    "curate": (CurateJob, {"root": "p", "out": "o", "sets": ["voc"]}),
    "remember": (MemoryAdd, {"path": "p", "set_name": "mine", "licence": "own", "replace": True}),
    "show": (MemoryShow, {"name": "dog", "out": "a.png", "most": 3, "licences": "open"}),
}


def request_seeds() -> list[bytes]:
    return [dumped([name, fields]) for name, (_, fields) in REQUESTS.items()]


def read_request(data: bytes, folder: Path) -> None:
    """The same through JSON and through Python: both refuse, or neither."""
    value = value_of(data)
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)):
        MaskRequest.of_json(data)
        return
    kind, _ = REQUESTS.get(value[0], REQUESTS["masks"])
    asked = kind.of_json(json.dumps(value[1]))
    asked.model_dump(mode="json")
    if isinstance(value[1], dict):
        kind.of(**value[1])


SENTENCES = (
    "a dog on the grass", "two dogs and a sitting man on the bench, facing left", "a living room with a sofa",
    "dog", "the head of a horse seen from behind", "a red double-decker bus in front of a building", "birds in the sky",
    "man between two trees", "cup of coffee on a wooden table beside a laptop", "potted plant", "half a cat",
)  # fmt: skip


def read_sentence(data: bytes, folder: Path) -> None:
    try:
        text = data.decode("utf-8", "surrogatepass")  # half characters, as from a file's name
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    text = check_prompt(text)
    encoder = bundled_encoder()
    encoder.understand(read_wish(text).rest)
    encoder.encode_context(text)
    encoder.is_noun(text)
    parse(text, encoder, ("bench", "grass", "sky"))


def read_words(data: bytes, folder: Path) -> None:
    """The vocabulary alone, without a check before it but Unicode's."""
    text = data.decode("utf-8", "replace")[:1000]
    found = bundled_encoder().understand(text) if text.strip() else None
    assert found is None or found.name
    Layer(text, np.ones((2, 2), bool))


ANSWERS = (
    '{"object": "dog", "why": "it fits", "box": [0.1, 0.2, 0.5, 0.9], "relation": {"kind": "on", "to": "bench"}}',
    "Sure! ```json\n{'object': 'cat', 'box': [10, 20, 50, 90],}\n```", '{"object": "none"}',
)  # fmt: skip


def read_an_answer(data: bytes, folder: Path) -> None:
    encoder = bundled_encoder()
    state = PlanState(a_scene(), parse("a dog on the bench", encoder), ())
    read_answer(data.decode("utf-8", "replace"), state, encoder)


def config_seeds() -> list[bytes]:
    whole = (FOLDER / "smartmask_sd15.yaml").read_bytes()
    return [whole, b"lora: true\nlearning_rate: 1e-5\npreset: 'tiny'\n", b"a: &b x\nc: *b\n", b"steps: [1, {2: 3}]\n"]


def read_a_config(data: bytes, folder: Path) -> None:
    path = folder / "config.yaml"
    path.write_bytes(data)
    read_config(str(path), LatentTrainSettings)


TARGETS = (
    Target("configs", read_a_config, config_seeds, mutate_text),
    Target("requests", read_request, request_seeds, mutate_json),
    Target("sentences", read_sentence, lambda: [text.encode() for text in SENTENCES], mutate_text, 0.1),
    Target("words", read_words, lambda: [text.encode() for text in SENTENCES], mutate_text, 0.1),
    Target("answers", read_an_answer, lambda: [text.encode() for text in ANSWERS], mutate_text, 0.2),
)
