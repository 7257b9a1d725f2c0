"""Builds the text encoder's vocabulary from CLIP name vectors, LVIS synonyms and COCO captions.

1. CLIP vectors of category names: unit length, centred, whitened to 128 dimensions.
2. Words of captions and definitions: positive pointwise mutual information with their neighbours and
   with the words of the same image, factorised; with hashed letter n-grams, ridge-regressed onto 1.
3. Names that no list has (stuff, street scenes): mixtures of everyday words, ``MIXTURES``.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from smartmask.io.terminal import say
from smartmask.scene.categories import COCO_PANOPTIC, clean_name
from smartmask.text.encoder import FALLBACK, NAME, NOUN, OTHER, TEXT_DIM, TextEncoder
from smartmask.text.words import STOP_WORDS
from smartmask.train.vocabulary.long_tail import LONG_TAIL
from smartmask.train.vocabulary.sources import Corpus, Sources, normal, read_corpus, read_sources
from smartmask.train.vocabulary.tables import MISLEADING, MIXTURES, SAME, STUFF

MIN_COUNT = 5  # captions a word must occur in to get a vector of its own
WINDOW = 3
FACTORS = 400
NGRAMS = 1024
RIDGE = 1.0
FOLDS = 5
THRESHOLD = 0.76  # spelling similarity; see docs/decisions.md

Say = Callable[[str], object]


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; rows of zeros stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)


def rms_one(vector: np.ndarray) -> np.ndarray:
    """The vector scaled to a root mean square of 1."""
    return unit(vector) * np.sqrt(vector.shape[-1])


# --- names ---------------------------------------------------------------------------------


def whiten(rows: np.ndarray) -> np.ndarray:
    """``(N, D)`` CLIP vectors -> ``(N, 128)``: unit, centred, principal directions softly whitened.

    The variances are raised by that of the last direction kept, so that the smallest ones are not
    blown up to the size of the largest. Mean square 1 over all; fewer directions leave zeros.
    """
    rows = unit(rows.astype(np.float64))
    rows = rows - rows.mean(axis=0)
    variances, axes = np.linalg.eigh(rows.T @ rows / len(rows))
    keep = np.argsort(-variances)[:TEXT_DIM]
    variances, axes = variances[keep], fix_signs(axes[:, keep])
    out = rows @ axes / np.sqrt(variances + max(variances[-1], 1e-6))
    out = np.pad(out, ((0, 0), (0, TEXT_DIM - out.shape[1])))
    return out / np.sqrt(np.mean(out**2))


def fix_signs(axes: np.ndarray) -> np.ndarray:
    """Columns turned so that their largest entry is positive: the same result on every machine."""
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    return axes * np.where(largest < 0, -1.0, 1.0)


# --- words from captions -------------------------------------------------------------------


def ppmi(counts: np.ndarray) -> np.ndarray:
    """Positive pointwise mutual information of a table of counts, context counts to the power .75."""
    rows = counts.sum(axis=1, keepdims=True)
    columns = counts.sum(axis=0, keepdims=True) ** 0.75
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts * columns.sum() / (rows * columns))
    return np.maximum(np.where(np.isfinite(information), information, 0.0), 0.0)


def word_factors(corpus: Corpus, words: list[str]) -> np.ndarray:
    """``(len(words), FACTORS)``, rows of length 1: neighbours left and right, and words of the same image."""
    index = {word: i for i, word in enumerate(words)}
    beside = words + sorted(w for w in STOP_WORDS if corpus.counts[w] > 20)
    column = {word: i for i, word in enumerate(beside)}
    near = np.zeros((len(words), 2 * len(beside)), np.float32)
    together = np.zeros((len(words), len(words)), np.float32)
    for image in corpus.images:
        for caption in image:
            for at, word in enumerate(caption):
                for step in range(1, WINDOW + 1):
                    if at + step < len(caption):
                        after = caption[at + step]
                        if word in index and after in column:
                            near[index[word], column[after]] += 1 / step
                        if after in index and word in column:
                            near[index[after], len(beside) + column[word]] += 1 / step
        seen = Counter(word for caption in image for word in set(caption) if word in index)
        rows = np.array([index[w] for w in seen], dtype=np.intp)
        weights = np.sqrt(np.array(list(seen.values()), np.float32))
        together[np.ix_(rows, rows)] += np.outer(weights, weights)
    np.fill_diagonal(together, 0)
    for name, definition in corpus.definitions:
        for word in set(definition):
            if name in index and word in index and word != name:
                together[index[name], index[word]] += 3  # one definition says as much as some captions
                together[index[word], index[name]] += 3
    table = np.hstack([ppmi(near), ppmi(together)]).astype(np.float32)
    variances, axes = np.linalg.eigh(table @ table.T)
    keep = np.argsort(-variances, kind="stable")[:FACTORS]
    factors = fix_signs(axes[:, keep]) * np.maximum(variances[keep], 0) ** 0.25
    return unit(factors.astype(np.float64))


def ngrams(name: str) -> np.ndarray:
    """``(NGRAMS,)``, length 1: hashed counts of the letter 3-, 4- and 5-grams and the words of a name."""
    out = np.zeros(NGRAMS)
    for word in name.split():
        padded = f"<{word}>"
        for size in (3, 4, 5, len(padded)):
            for at in range(len(padded) - size + 1):
                out[zlib.crc32(padded[at : at + size].encode()) % NGRAMS] += 1
    return unit(out)


# --- regression onto the CLIP space ----------------------------------------------------------


def ridge(features: np.ndarray, targets: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Least squares with a penalty of RIDGE; returns the function from features to targets."""
    mean, level = features.mean(axis=0), targets.mean(axis=0)
    centred = features - mean
    gram = centred.T @ centred + RIDGE * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (targets - level))
    return lambda rows: (rows - mean) @ weights + level


def cross_validate(
    names: list[str], features: np.ndarray, targets: np.ndarray, gallery: np.ndarray
) -> dict[str, float]:
    """Held-out names, FOLDS folds by hash: mean cosine to the true vector, and how often it is the
    nearest, or among the ten nearest, of the whole gallery."""
    fold = np.array([zlib.crc32(name.encode()) % FOLDS for name in names])
    guess = np.zeros_like(targets)
    for k in range(FOLDS):
        if (fold == k).any() and (fold != k).any():
            guess[fold == k] = ridge(features[fold != k], targets[fold != k])(features[fold == k])
    guess, true = unit(guess), unit(targets)
    own = (guess * true).sum(axis=1)
    rank = (guess @ unit(gallery).T > own[:, None] + 1e-9).sum(axis=1)
    return {"cosine": float(own.mean()), "top1": float((rank < 1).mean()), "top10": float((rank < 10).mean())}


def regress(sources: Sources, corpus: Corpus, clip: dict[str, np.ndarray], say: Say) -> dict[str, np.ndarray]:
    """Vectors of caption words, most frequent first, root mean square 1; prints the cross-validation."""
    counts = corpus.counts
    words = {w for w, n in counts.items() if n >= MIN_COUNT} | {n for n, _ in corpus.definitions}
    words |= {w for w in {*sources.clip, *sources.synonyms} if counts[w]}
    words |= {w for _, definition in corpus.definitions for w in definition if counts[w] >= 3}
    known = sorted(w for w in words - STOP_WORDS if any(c.isalpha() for c in w))
    factors = word_factors(corpus, known)
    letters = np.stack([ngrams(word) for word in known])
    anchors = [i for i, word in enumerate(known) if word in clip]
    common = [i for i in anchors if counts[known[i]] >= MIN_COUNT]
    targets = np.stack([clip[known[i]] for i in anchors])
    gallery = np.stack(list(clip.values()))
    both = np.hstack([factors, letters])
    rows = {"mean vector": np.ones((len(known), 1)), "n-grams": letters, "captions": factors, "both": both}
    for title, features in rows.items():
        scores = cross_validate([known[i] for i in anchors], features[anchors], targets, gallery)
        say(f"{title:12s} {len(anchors)} held-out names: " + ", ".join(f"{k} {v:.3f}" for k, v in scores.items()))
    say(f"{len(common)} of the names occur in at least {MIN_COUNT} captions; {len(known)} words have factors.")
    guess = ridge(both[anchors], targets)(both)
    order = sorted(range(len(known)), key=lambda i: (-counts[known[i]], known[i]))
    return {known[i]: rms_one(guess[i]) for i in order}


# --- the vocabulary --------------------------------------------------------------------------


def mix(recipe: dict[str, float], table: dict[str, np.ndarray]) -> np.ndarray | None:
    """The weighted sum of the words that the table knows, scaled to 1 root mean square; None without any."""
    parts = [share * rms_one(table[word]) for word, share in recipe.items() if word in table]
    return rms_one(np.sum(parts, axis=0)) if parts else None


def assemble(
    sources: Sources, clip: dict[str, np.ndarray], words: dict[str, np.ndarray], corpus: Corpus
) -> TextEncoder:
    """Names, mixtures and stuff first, then caption words; synonyms point to their rows."""

    rows: dict[str, tuple[np.ndarray, int]] = {FALLBACK: (np.zeros(TEXT_DIM), NAME)}
    for name, recipe in MIXTURES.items():
        mixed = mix(recipe, words | clip)
        if mixed is not None:
            rows[name] = (mixed, NAME)
    for name, row in clip.items():
        if name not in SAME:
            rows.setdefault(name, (row, NAME))
    for name in STUFF:
        if name in words:
            rows.setdefault(name, (words[name], NAME))
    synonyms: dict[str, str] = {k: v for k, v in SAME.items() if v in rows and k not in rows}
    for key, name in sources.synonyms.items():
        target = synonyms.get(name, name)
        if key not in rows and key not in MISLEADING and target in rows:
            synonyms.setdefault(key, target)
    for _, name, _ in COCO_PANOPTIC:  # "wall-other-merged" as the files write it
        if normal(clean_name(name)) in rows and normal(name) not in rows:
            synonyms[normal(name)] = normal(clean_name(name))
    for word, row in words.items():
        if corpus.counts[word] >= MIN_COUNT and word not in synonyms:
            rows.setdefault(word, (row, NOUN if word in corpus.noun else OTHER))
    add_long_tail(rows, synonyms)
    index = {name: i for i, name in enumerate(rows)}
    vectors = np.stack([row for row, _ in rows.values()]).astype(np.float16)
    kinds = np.array([kind for _, kind in rows.values()], dtype=np.uint8)
    return TextEncoder(list(rows), vectors, kinds, {k: index[v] for k, v in sorted(synonyms.items())}, THRESHOLD)


def add_long_tail(rows: dict[str, tuple[np.ndarray, int]], synonyms: dict[str, str]) -> None:
    """Add LONG_TAIL's names that are still unknown; changes both tables in place."""
    table = {name: row for name, (row, _) in rows.items()}
    table |= {key: table[name] for key, name in synonyms.items()}
    for name, recipe in LONG_TAIL.items():
        if name in rows or name in synonyms:
            continue
        word = next(iter(recipe))
        mixed = mix(recipe, table)
        if len(recipe) == 1 and word in table:
            synonyms[name] = synonyms.get(word, word)
        elif mixed is not None:
            rows[name] = (mixed, NAME)


def build_vocabulary(text_folder: str | Path, say: Say = print) -> TextEncoder:
    """The encoder of a text folder (layout of ``read_sources``); a minute on one core, deterministic.

    say: receives the cross-validated figures, one line each.
    """
    sources = read_sources(Path(text_folder))
    clip = dict(zip(sources.clip, whiten(np.stack(list(sources.clip.values()))), strict=True))
    corpus = read_corpus(sources)
    words = regress(sources, corpus, clip, say)
    return assemble(sources, clip, words, corpus)


def build(text_folder: str | Path, out: str | Path) -> None:
    """Build the vocabulary and write it to the folder ``out``."""
    encoder = build_vocabulary(text_folder)
    encoder.save_pretrained(out)
    say(f"{len(encoder.names())} names and words in {out}")
