"""Nearest known spelling of a misspelt word: letter bigrams to find candidates, edit distance to rank them."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Letters that sound alike, in this order; applied to both sides before they are compared.
_SOUNDS = (("ph", "f"), ("ck", "k"), ("sch", "sk"), ("que", "k"), ("qu", "kw"), ("x", "ks"), ("z", "s"), ("y", "i"))
_SHORTEST = 4  # words of fewer letters have too many neighbours to guess
_CANDIDATES = 40


def sound(word: str) -> str:
    """The word with letters that sound alike made the same and doubled letters single."""
    for letters, same in _SOUNDS:
        word = word.replace(letters, same)
    word = re.sub(r"c(?=[ei])", "s", word).replace("c", "k")
    return re.sub(r"(.)\1+", r"\1", word)


def edits(a: str, b: str) -> int:
    """Least number of inserted, dropped, replaced letters or swapped neighbours that turn a into b."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, above, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]


def similarity(a: str, b: str) -> float:
    """In [0, 1]: 1 minus edits by length, the mean of letters as written and as they sound."""
    heard_a, heard_b = sound(a), sound(b)
    written = 1 - edits(a, b) / max(len(a), len(b))
    heard = 1 - edits(heard_a, heard_b) / max(len(heard_a), len(heard_b))
    return (written + heard) / 2


def _bigrams(word: str) -> set[str]:
    padded = f"<{sound(word)}>"
    return {padded[i : i + 2] for i in range(len(padded) - 1)}


class Speller:
    """Finds the known word whose spelling is nearest.

    words: spelling -> any number (an entry's index); ties go to the lower number.
    """

    def __init__(self, words: Mapping[str, int]) -> None:
        self._words = dict(words)
        self._having: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        for word in self._words:
            grams = _bigrams(word)
            self._sizes[word] = len(grams)
            for gram in grams:
                self._having.setdefault(gram, []).append(word)

    def best(self, word: str) -> tuple[float, str | None]:
        """``(similarity in [0, 1], known word)`` of the nearest spelling; ``(0, None)`` without a candidate."""
        if len(word) < _SHORTEST or not word.isalpha():
            return 0.0, None
        shared: dict[str, int] = {}
        grams = _bigrams(word)
        for gram in grams:
            for other in self._having.get(gram, ()):
                shared[other] = shared.get(other, 0) + 1
        dice = {w: 2 * n / (len(grams) + self._sizes[w]) for w, n in shared.items() if len(w) >= _SHORTEST - 1}
        likely = sorted(dice, key=lambda w: (-dice[w], self._words[w], w))[:_CANDIDATES]
        ranked = [(-similarity(word, w), self._words[w], w) for w in likely]
        if not ranked:
            return 0.0, None
        score, _, found = min(ranked)
        return -score, found

    def nearest(self, word: str, threshold: float) -> int | None:
        """The number of the nearest known word, or None below ``threshold``."""
        score, found = self.best(word)
        return self._words[found] if found is not None and score >= threshold else None
