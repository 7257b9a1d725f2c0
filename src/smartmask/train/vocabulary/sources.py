"""Reads the text folder: CLIP vectors by name, LVIS synonyms and definitions, captions as tokens."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.io.reading import read_array, read_json, read_text
from smartmask.scene.categories import COCO_PANOPTIC
from smartmask.text.words import ARTICLES, BREAKS, NUMBERS, STOP_WORDS, singular, tokens, without_brackets, word_set
from smartmask.train.vocabulary.tables import MIXTURES

CAPTIONS = "coco_captions_val2017.json"
CLIP_FILES = (
    "lvis_v1_train_cat_info.json",
    "lvis_v1_clip_a+cname.npy",
    "coco_clip_a+cname.npy",
    "Objects365_names_fix.csv",
    "o365_clip_a+cnamefix.npy",
)
# What stands before a noun rather than before a verb.
DETERMINERS = ARTICLES | NUMBERS | word_set("of in on at with by near from under over")


def normal(name: str) -> str:
    """A name as the vocabulary writes it: lower case, single blanks, no punctuation."""
    return " ".join(tokens(name))


@dataclass
class Sources:
    """What the text folder holds: CLIP rows by name, LVIS synonyms and definitions, captions by image."""

    clip: dict[str, np.ndarray] = field(default_factory=dict)
    synonyms: dict[str, str] = field(default_factory=dict)
    definitions: list[tuple[str, str]] = field(default_factory=list)
    captions: dict[int, list[str]] = field(default_factory=dict)


def _load(path: Path) -> np.ndarray:
    return read_array(path).astype(np.float64)


def read_sources(folder: Path) -> Sources:
    """Read captions (``coco_captions_val2017.json``) and ``clip_names/`` (rows and their lists of names).

    A missing file is a FileNotFoundError that names it. Where several lists have a name, COCO's row
    counts, then LVIS's without a parenthesis, then Objects365's, then LVIS's ``bat_(animal)``, the
    commonest first.
    """
    folder = Path(folder)
    clip = folder / "clip_names"
    for path in (folder / CAPTIONS, *(clip / name for name in CLIP_FILES)):
        if not path.is_file():
            raise FileNotFoundError(f"The text folder lacks '{path}'.")
    lvis_info, lvis_rows, coco_rows, o365_csv, o365_rows = (clip / name for name in CLIP_FILES)
    lvis = sorted(read_json(lvis_info, dataset=True), key=lambda c: c["id"])
    out = Sources()
    _keep(out.clip, [name for _, name, thing in COCO_PANOPTIC if thing], _load(coco_rows))
    _keep(out.clip, [c["name"] if "(" not in c["name"] else "" for c in lvis], _load(lvis_rows))
    o365 = [row[2] for row in csv.reader(read_text(o365_csv).splitlines())]
    _keep(out.clip, o365, _load(o365_rows))
    _read_lvis(out, lvis, _load(lvis_rows))
    for name in o365:  # "Cutting/chopping Board", "Handbag/Satchel": each part is a name too
        for part in name.split("/") if "/" in name else ():
            out.synonyms.setdefault(normal(part), normal(name))
    for note in read_json(folder / CAPTIONS, dataset=True)["annotations"]:
        out.captions.setdefault(int(note["image_id"]), []).append(note["caption"])
    return out


def _read_lvis(out: Sources, lvis: list[dict[str, Any]], rows: np.ndarray) -> None:
    """Add LVIS's names with a parenthesis, its synonyms and definitions, the commonest category first."""
    taken = set(MIXTURES)  # "batter_(food)" and "runner_(carpet)" keep their parenthesis
    for i in sorted(range(len(lvis)), key=lambda i: -int(lvis[i].get("image_count", 0))):
        name, bare = normal(lvis[i]["name"]), normal(without_brackets(lvis[i]["name"]))
        if bare != name and bare not in taken:
            _keep(out.clip, [bare], rows[i : i + 1])
            out.synonyms[name] = bare  # "bus_(vehicle)" is the bus; "octopus_(food)" stays beside the animal
        else:
            _keep(out.clip, [name], rows[i : i + 1])
        taken.add(bare)
        for synonym in lvis[i]["synonyms"]:
            for key in (normal(synonym), normal(without_brackets(synonym))):
                out.synonyms.setdefault(key, out.synonyms.get(name, name))
        out.definitions.append((name if bare in MIXTURES else bare, lvis[i]["def"]))


def _keep(table: dict[str, np.ndarray], names: Iterable[str], rows: np.ndarray) -> None:
    names = list(names)
    if len(names) != len(rows):
        raise ValueError(f"{len(rows)} name vectors do not go with {len(names)} names.")
    for name, row in zip(names, rows, strict=True):
        if normal(name):
            table.setdefault(normal(name), row)


@dataclass
class Corpus:
    """Captions and definitions as tokens; names of several words are one token."""

    images: list[list[list[str]]]
    definitions: list[tuple[str, list[str]]]
    counts: Counter[str]
    noun: set[str]


def read_corpus(sources: Sources) -> Corpus:
    """Tokens in the singular, and which words are used as nouns in captions."""
    starts: dict[str, list[list[str]]] = defaultdict(list)
    for name in sorted({*sources.clip, *sources.synonyms}, key=lambda n: (-len(n.split()), n)):
        if " " in name:
            starts[name.split()[0]].append(name.split())

    def split(text: str) -> list[str]:
        words, out, at = tokens(text, punctuation=True), [], 0
        while at < len(words):
            step = 1
            found = words[at] if words[at] in STOP_WORDS else singular(words[at])
            for name in starts.get(words[at], ()):
                run = words[at : at + len(name)]
                if run == name or (len(run) == len(name) and [*run[:-1], singular(run[-1])] == name):
                    found, step = " ".join(name), len(name)
                    break
            out.append(found)
            at += step
        return out

    images = [[split(caption) for caption in captions] for _, captions in sorted(sources.captions.items())]
    definitions = [(name, split(text)) for name, text in sources.definitions]
    counts = Counter(word for image in images for caption in image for word in caption)
    return Corpus(images, definitions, counts, _nouns(images, counts))


def _nouns(images: list[list[list[str]]], counts: Counter[str]) -> set[str]:
    """Words that mostly end a noun phrase: before a preposition, a verb, punctuation or the end."""
    ends: Counter[str] = Counter()
    starts: Counter[str] = Counter()
    for image in images:
        for caption in image:
            for before, word, after in zip([".", *caption], caption, [*caption[1:], "."], strict=False):
                ends[word] += after in BREAKS or after in STOP_WORDS or after.endswith("ing")
                starts[word] += before in DETERMINERS or before.endswith(("y", "ed", "en", "al"))
    verbal = {word for word in counts if word.endswith(("ing", "ed", "ly")) or word in BREAKS or word in STOP_WORDS}
    return {w for w, n in ends.items() if n >= 0.55 * counts[w] and starts[w] >= 0.2 * counts[w]} - verbal
