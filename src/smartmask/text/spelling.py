"""Nearest known spelling of a misspelt word: letter bigrams to find candidates, edit distance to rank them."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Letters that sound alike, in this order; applied to both sides before they are compared.
_SOUNDS = (("ph", "f"), ("ck", "k"), ("sch", "sk"), ("que", "k"), ("qu", "kw"), ("x", "ks"), ("z", "s"), ("y", "i"))
_SHORTEST, _LONGEST = 4, 30  # letters; shorter words have too many neighbours to guess, longer are no words
_SWAP = 0.7
_CANDIDATES = 40


def sound(word: str) -> str:
    """The word with letters that sound alike made the same and doubled letters single."""
    for letters, same in _SOUNDS:
        word = word.replace(letters, same)
    word = re.sub(r"c(?=[ei])", "s", word).replace("c", "k")
    return re.sub(r"(.)\1+", r"\1", word)


def edits(a: str, b: str) -> float:
    """Least cost of turning a into b: 1 a letter inserted, dropped or replaced (1.5 the first letter,
    which people rarely miss), 0.7 two neighbours swapped."""
    before: list[float] = []
    row = [float(j) for j in range(len(b) + 1)]
    for i, x in enumerate(a, 1):
        before, above, row = row, before, [float(i)]
        for j, y in enumerate(b, 1):
            replaced = 0.0 if x == y else 1.5 if i == j == 1 else 1.0
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + replaced)
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, above[j - 2] + _SWAP)
            row.append(cost)
    return row[-1]


def similarity(a: str, b: str) -> float:
    """In [0, 1]: 1 minus edits by length; of the letters as written (.4), as they sound (.4), and of the
    consonants alone (.2), since people miss vowels most."""
    heard_a, heard_b = sound(a), sound(b)
    pairs = ((a, b, 0.4), (heard_a, heard_b, 0.4), (_bones(heard_a), _bones(heard_b), 0.2))
    return max(0.0, sum(share * (1 - edits(x, y) / max(len(x), len(y))) for x, y, share in pairs))


def _bones(heard: str) -> str:
    return heard[:1] + re.sub("[aeiou]", "", heard[1:])


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
        if not _SHORTEST <= len(word) <= _LONGEST or not word.isalpha():
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
