"""Which remembered outlines a name has, and from whom a name without any borrows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartmask.masks.exemplar.attributes import UNSEEN, WORDS, Wish
from smartmask.masks.exemplar.choose import UNITS
from smartmask.masks.exemplar.memory import KINDS, Memory
from smartmask.masks.exemplar.wished import CLEARLY
from smartmask.text.encoder import Meaning, TextEncoder
from smartmask.text.label_tables import CANONICAL
from smartmask.text.words import ARTICLES, singular, tokens

ENOUGH = 10  # real outlines of its own from which a name needs no drawn ones, and none of its neighbours'
LENT = 24  # outlines that a name without any borrows, at least
BORROWED = 2 * UNITS  # what a neighbour's outline costs beside a name's own
CLOSE = 0.30  # cosine below which no name is near enough to borrow from without a warning
HEAD, BUST = 0.16, 0.34  # of an upright person's height
UPRIGHT = ("person", "man", "woman", "boy", "girl", "child")
SLENDER = 0.62  # a person's outline this slender or more stands


@dataclass(frozen=True, eq=False)
class Own:
    """rows: (n,) of the memory, ascending. borrowed: (n,) bool. note: a sentence where something was borrowed.
    top: the upper share of the outlines that is meant, below 1 for a head or a bust."""

    rows: np.ndarray
    borrowed: np.ndarray
    note: str | None = None
    top: float = 1.0

    def penalty(self, rows: np.ndarray) -> np.ndarray:
        """``(m,)`` int64 units, what rows of these cost for being a neighbour's."""
        return np.where(np.isin(rows, self.rows[self.borrowed]), -BORROWED, 0).astype(np.int64)


def own_rows(memory: Memory, text: TextEncoder, meaning: Meaning, wish: Wish) -> Own:
    """The outlines for a name as it was understood. Raises ValueError for a memory without outlines."""
    name = remembered_name(memory, meaning)
    rows = memory.rows(name)
    if wish.part and name in UPRIGHT and len(rows):
        upright = _upright(memory, rows)
        if len(upright):
            return Own(upright, np.zeros(len(upright), bool), None, HEAD if wish.part == "head" else BUST)
    rows = _worth(memory, rows)
    if int(memory.whole[rows].sum()) >= ENOUGH or not len(memory):
        if not len(memory):
            raise ValueError("The memory holds no outline; load another one, or add outlines to it.")
        return Own(rows, np.zeros(len(rows), bool))
    return _lent(memory, text, meaning, name, rows)


def remembered_name(memory: Memory, meaning: Meaning) -> str:
    """The name under which a memory keeps what a text means.

    That is the vocabulary's, but for words that it does not have, or only as another's synonym, and under which a
    user has remembered outlines: "a pink unicorn" is "unicorn" there, not the "horse" that the vocabulary makes of it.
    """
    if meaning.how != "name":
        words = own_words(meaning.text)
        for own in (" ".join(words), " ".join([*words[:-1], *map(singular, words[-1:])])):
            if len(memory.rows(own)):
                return own
    return CANONICAL.get(meaning.name, meaning.name)


def own_words(text: str) -> list[str]:
    """The words of a text that name its thing: without articles and poses, and without looks before the last word."""
    words = [word for word in tokens(text) if word not in ARTICLES and word not in WORDS]
    return [word for word in words[:-1] if word not in UNSEEN] + words[-1:]


def _upright(memory: Memory, rows: np.ndarray) -> np.ndarray:
    """Whole outlines of those who stand: known to, where there are enough of them, else the slender ones."""
    slender = rows[memory.whole[rows] & (memory.aspects(rows) < SLENDER)]
    if "standing" not in memory.trait_names:
        return slender
    stands = slender[memory.traits[slender, memory.trait_names.index("standing")] >= CLEARLY]
    return stands if len(stands) >= ENOUGH else slender


def _worth(memory: Memory, rows: np.ndarray) -> np.ndarray:
    """Real outlines only, where there are enough of them."""
    real = rows[memory.kind[rows] == KINDS.index("photo")]
    return real if int(memory.whole[real].sum()) >= ENOUGH else rows


def _lent(memory: Memory, text: TextEncoder, meaning: Meaning, own_name: str, own: np.ndarray) -> Own:
    """A name's few outlines with those of the nearest names."""
    vectors = np.stack([text.encode(name) for name in memory.names])
    norms = np.linalg.norm(vectors, axis=1) * max(float(np.linalg.norm(meaning.vector)), 1e-6)
    alike = vectors @ meaning.vector / np.maximum(norms, 1e-6)
    strange = np.array([text.understand(name).how != "name" for name in memory.names])
    alike = np.where(strange, -1.0, alike)  # names of the user's own, whose vectors are those of other things
    order = np.argsort(-np.round(alike * 4096).astype(np.int64), kind="stable")
    rows, lenders = [own], []
    whole = int(memory.whole[own].sum())  # a cut one serves at a border only
    for index in order.tolist():
        name = memory.names[index]
        if name == own_name:
            continue
        if whole >= LENT or (len(own) and alike[index] < 0.5):
            break
        lenders.append(name)
        lent = _worth(memory, memory.rows(name))
        rows.append(lent[memory.whole[lent]])
        whole += len(rows[-1])
    every = np.concatenate(rows)
    borrowed = np.arange(len(every)) >= len(own)
    by_row = np.argsort(every, kind="stable")
    note = None
    if not len(own) and lenders:
        near = float(alike[order[0]])
        note = f"No outline of '{meaning.name}' is remembered; it borrows those of {' and '.join(lenders[:3])}."
        if near < CLOSE:
            note = note[:-1] + ", which is only remotely like it."
    return Own(every[by_row], borrowed[by_row], note)
