"""From words to vectors: object names, phrases and captions as 128 numbers, without a network.

A vocabulary of names (CLIP text vectors, centred and whitened) and of caption words (regressed
onto the same space by ``train/vocabulary/build.py``) is looked up; a phrase is read by its head noun, a
misspelling by the nearest spelling. numpy only, a few milliseconds to load.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from smartmask.io.integrity import SUMS, check_names, check_sums
from smartmask.io.publish import replacing_folder, save_bytes, save_json
from smartmask.io.reading import file_sum, read_json, read_tensors
from smartmask.text.spelling import Speller
from smartmask.text.words import (
    ARTICLES,
    BREAKS,
    MEASURES,
    NUMBERS,
    PLACES,
    STOP_WORDS,
    singular,
    tokens,
    without_brackets,
)

TEXT_DIM = 128
MAX_TEXT = 1000  # characters; longer text is not an object's name, nor a caption
FALLBACK = "object"
CONFIG, VECTORS = "config.json", "vocabulary.safetensors"
NAME, NOUN, OTHER = 0, 1, 2  # kinds of entries: a category, a caption word that can be an object, any other word
_LONGEST = 6  # words in the longest name
_CACHE = 8192
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, eq=False)
class Meaning:
    """What a text was understood as.

    text: as asked. name: the vocabulary entry. vector: (128,) float32, about 1 root mean square,
    read-only; all zeros (the mean of all names) for "object". how: "name", "synonym", "phrase" (head noun or
    parts of the text), "subword" (nearest spelling) or "fallback". warning: one sentence when the reading
    is a guess, else None.
    """

    text: str
    name: str
    vector: np.ndarray
    how: str
    warning: str | None = None


class TextEncoder:
    """A vocabulary with the rules that read any English object phrase by it.

    names: entries in normal form (lower case, single blanks), best known first.
    vectors: (len(names), 128) float16. kinds: (len(names),) uint8 of NAME, NOUN, OTHER.
    synonyms: other normal-form spellings, to the index of their entry.
    threshold: least spelling similarity in [0, 1] for an unknown word to be read as a known one.
    """

    def __init__(
        self,
        names: Sequence[str],
        vectors: np.ndarray,
        kinds: np.ndarray,
        synonyms: Mapping[str, int],
        threshold: float = 0.75,
    ) -> None:
        vectors = np.asarray(vectors, dtype=np.float16)
        kinds = np.asarray(kinds, dtype=np.uint8)
        if vectors.shape != (len(names), TEXT_DIM) or kinds.shape != (len(names),):
            raise ValueError(
                f"A vocabulary of {len(names)} names needs vectors of shape ({len(names)}, {TEXT_DIM}) and as many "
                f"kinds, not {vectors.shape} and {kinds.shape}."
            )
        if not np.isfinite(vectors).all():
            raise ValueError("The vocabulary has vectors that are not finite.")
        stray = [index for index in synonyms.values() if not 0 <= index < len(names)]
        if stray:
            raise ValueError(f"A synonym points to entry {stray[0]} of a vocabulary of {len(names)} names.")
        self._names = list(names)
        self._stored = vectors
        self._vectors = vectors.astype(np.float32)
        self._vectors.setflags(write=False)
        self._nothing = np.zeros(TEXT_DIM, np.float32)
        self._nothing.setflags(write=False)
        self._kinds = kinds
        self._synonyms = dict(synonyms)
        self.threshold = float(threshold)
        self._index = {name: i for i, name in enumerate(self._names)}
        # "diningtable", "hotdog": names of several words written as one
        self._joined = {k.replace(" ", ""): i for k, i in (self._synonyms | self._index).items() if " " in k}
        self._speller: Speller | None = None
        self._cache: dict[str, Meaning] = {}
        self._contexts: dict[str, np.ndarray] = {}

    # --- files ---------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> TextEncoder:
        """Read a folder that ``save_pretrained`` wrote; FileNotFoundError or ValueError says what is wrong."""
        folder = Path(folder)
        for name in (CONFIG, VECTORS):
            if not (folder / name).exists():
                raise FileNotFoundError(
                    f"The text vocabulary in '{folder}' lacks {name}; 'smartmask train text' builds it."
                )
        config = read_json(folder / CONFIG, "vocabulary", unique=True)
        tensors = read_tensors(folder / VECTORS, "vocabulary")[0]
        try:
            check_sums(folder / CONFIG, config)
            check_names([*config["names"], *config["synonyms"]], f"{folder / CONFIG} is damaged: it")
            return cls(config["names"], tensors["vectors"], tensors["kinds"], config["synonyms"], config["threshold"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"The text vocabulary in '{folder}' is damaged ({error!r}); build it again.") from error

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``vocabulary.safetensors``, both or neither."""
        config: dict[str, Any] = {
            "class": "TextEncoder",
            "dim": TEXT_DIM,
            "threshold": self.threshold,
            "names": self._names,
            "synonyms": self._synonyms,
        }
        with replacing_folder(folder) as partial:
            save_bytes(save({"vectors": self._stored, "kinds": self._kinds}), partial / VECTORS)
            config[SUMS] = {VECTORS: file_sum(partial / VECTORS)}
            save_json(config, partial / CONFIG, indent=None)

    def names(self) -> list[str]:
        """All entries in normal form, categories first, then caption words from common to rare."""
        return list(self._names)

    # --- object names and phrases --------------------------------------------------------------

    def understand(self, text: str) -> Meaning:
        """What an object name or phrase means; never fails on unknown words, which carry a warning.

        A blank text or one over MAX_TEXT characters is a ValueError. The vector of a phrase is the
        pure vector of its head noun: training sees names only, so a mixture with "small" or "black"
        would be a point that the network never met.
        """
        found = self._cache.get(text)
        if found is None:
            _check(text)
            found = self._read(text)
            if len(self._cache) < _CACHE:
                self._cache[text] = found
        return found

    def encode(self, text: str) -> np.ndarray:
        """``(128,)`` float32, the caller's own: the vector of ``understand(text)``."""
        return self.understand(text).vector.copy()

    def is_noun(self, text: str) -> bool:
        """Whether the entry that a text is read as can be an object: a category, or a noun of captions."""
        found = self._index.get(self.understand(text).name)
        return found is not None and bool(self._kinds[found] != OTHER)

    def _meaning(self, text: str, index: int, how: str, warning: str | None = None) -> Meaning:
        return Meaning(text, self._names[index], self._vectors[index], how, warning)

    def _read(self, text: str) -> Meaning:
        apart = _CAMEL.sub(" ", without_brackets(text))  # label files write "carSide"
        for words in (tokens(text), tokens(without_brackets(text)), tokens(apart)):
            found = self._find(words)
            if found is None and words:
                found = self._find(_bare(words))
            if found is not None:
                exact = self._names[found] in (" ".join(words), " ".join(_bare(words)))
                return self._meaning(text, found, "name" if exact or self._is_plural(words, found) else "synonym")
        return self._read_phrase(text, apart)

    def _is_plural(self, words: list[str], found: int) -> bool:
        words = _bare(words)
        return " ".join([*words[:-1], singular(words[-1])]) == self._names[found]

    def _read_phrase(self, text: str, apart: str) -> Meaning:
        words = _bare(self._head_part(tokens(apart, punctuation=True)))
        unknown: str | None = None
        for end in range(len(words), 0, -1):
            found = self._suffix(words[:end])
            if found is not None:
                return self._meaning(text, found, "phrase", self._warning(unknown, found))
            word = words[end - 1]
            if unknown is None and _may_be_noun(word) and self._find([word]) is None:
                near = self._nearest(word)
                if near is not None:
                    return self._meaning(text, near, "subword", self._warning(word, near))
                unknown = word
        for word in reversed(words):  # only places, adjectives, verbs and the like are left
            found = self._find([word])
            if found is not None:
                return self._meaning(text, found, "phrase", self._warning(unknown, found))
        return self._fallback(text, unknown)

    def _fallback(self, text: str, unknown: str | None) -> Meaning:
        shown = unknown or " ".join(text.split())
        shown = shown if len(shown) <= 40 else shown[:39] + "…"
        warning = f'The word "{shown}" is unknown; it is read as "{FALLBACK}".'
        index = self._index.get(FALLBACK)
        if index is None:
            return Meaning(text, FALLBACK, self._nothing, "fallback", warning)
        return self._meaning(text, index, "fallback", warning)

    def _warning(self, unknown: str | None, found: int) -> str | None:
        if unknown is None:
            return None
        return f'The word "{unknown}" is unknown; it is read as "{self._names[found]}".'

    def _find(self, words: Sequence[str]) -> int | None:
        """Entry of exactly these words, plural or singular, written apart or as one."""
        if not words or len(words) > _LONGEST:
            return None
        last = [*words[:-1], singular(words[-1])]
        spellings = [list(words), last, [singular(word) for word in words]]
        if len(words) > 1 and words[-1] == "glasses":  # alone they are worn; "wine glasses" are drunk from
            spellings.append([*words[:-1], "glass"])
        for spelling in spellings:
            name = " ".join(spelling)
            for table, key in (
                (self._index, name),
                (self._synonyms, name),
                (self._joined, name),
                (self._index, name.replace(" ", "")),
                (self._synonyms, name.replace(" ", "")),
            ):
                if key in table:
                    return table[key]
        return None

    def _suffix(self, words: list[str]) -> int | None:
        """Entry of the longest run of last words that names an object."""
        for start in range(max(0, len(words) - _LONGEST), len(words)):
            found = self._find(words[start:])
            place = start == len(words) - 1 and words[start] in PLACES
            if found is not None and self._kinds[found] != OTHER and not place:
                return found
        return None

    def _head_part(self, words: list[str]) -> list[str]:
        """The words up to the head noun: "dog on a beach" -> dog, "a pair of red shoes" -> red shoes."""
        while words and (words[0] in BREAKS or words[0] in ARTICLES or words[0] == "of"):
            words = words[1:]
        if "of" in words:
            at = words.index("of")
            before = {words[at - 1], singular(words[at - 1])}
            if before & (MEASURES | PLACES) and words[at + 1 :]:
                return self._head_part(words[at + 1 :])
            words = words[:at]
        for at in range(1, len(words)):
            if words[at] in BREAKS or (words[at].endswith("ing") and self._is_verb(words, at)):
                return words[:at]
        return words

    def _is_verb(self, words: list[str], at: int) -> bool:
        """Whether the -ing word at ``at`` says what the noun before it does ("dog running")."""
        found = self._find([words[at]])
        if found is not None and self._kinds[found] != OTHER and at == len(words) - 1:
            return False
        before = self._suffix(words[:at])
        inside = any(
            self._find(words[at - k : at + n]) is not None for k in (0, 1) for n in (2, 3) if at + n <= len(words)
        )
        return before is not None and not inside

    def _nearest(self, word: str) -> int | None:
        speller = self._speller
        if speller is None:
            spelled = self._synonyms | self._joined | self._index
            speller = Speller({k: i for k, i in spelled.items() if " " not in k and self._kinds[i] != OTHER})
            self._speller = speller
        spellings = sorted({word, singular(word)}, key=lambda w: (-speller.best(w)[0], w))
        return speller.nearest(spellings[0], self.threshold)

    # --- captions ------------------------------------------------------------------------------

    def encode_context(self, caption: str | None) -> np.ndarray:
        """``(128,)`` float32, the caller's own: the mean of a caption's names and content words,
        scaled to 1 root mean square.

        Longest names first, stop words left out, unknown words ignored; zeros for None, a blank
        caption, or one without a known word. Over MAX_TEXT characters is a ValueError.
        """
        if caption is None or not caption.strip():
            return self._nothing.copy()
        found = self._contexts.get(caption)
        if found is None:
            _check(caption)
            found = self._read_context(tokens(caption))
            if len(self._contexts) < _CACHE:
                self._contexts[caption] = found
        return found.copy()

    def _read_context(self, words: list[str]) -> np.ndarray:
        rows: list[int] = []
        at = 0
        while at < len(words):
            step = 1
            for length in range(min(_LONGEST, len(words) - at), 0, -1):
                if length == 1 and words[at] in STOP_WORDS:
                    break
                found = self._find(words[at : at + length])
                if found is not None:
                    rows.append(found)
                    step = length
                    break
            at += step
        if not rows:
            return self._nothing
        mean = self._vectors[rows].mean(axis=0)
        rms = float(np.sqrt(np.mean(mean**2)))
        return mean / rms if rms > 1e-6 else mean


def _bare(words: list[str]) -> list[str]:
    """Without leading articles and numbers; the words themselves where nothing else is there."""
    at = 0
    while at < len(words) - 1 and (words[at] in ARTICLES or words[at] in NUMBERS or words[at].isdigit()):
        at += 1
    return words[at:]


def _may_be_noun(word: str) -> bool:
    """Whether an unknown word deserves a guess at its spelling, or a warning."""
    return word.isalpha() and word not in STOP_WORDS and word not in PLACES and word not in BREAKS


def _check(text: str) -> None:
    if not isinstance(text, str):
        raise ValueError(f"A text is needed, not {type(text).__name__}.")
    if not text.strip():
        raise ValueError("The text is blank; name an object, such as 'dog'.")
    if len(text) > MAX_TEXT:
        raise ValueError(f"The text has {len(text)} characters; at most {MAX_TEXT} are read.")
