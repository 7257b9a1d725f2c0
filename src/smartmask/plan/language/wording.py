"""From words to the parts of a phrase: noun phrases, and what stands between them."""

from __future__ import annotations

from dataclasses import dataclass

from smartmask.plan.language import grammar
from smartmask.text.counting import counted, whole_numbers
from smartmask.text.encoder import TextEncoder
from smartmask.text.typical import PEOPLE
from smartmask.text.words import ARTICLES, singular, tokens, word_set


@dataclass
class NounPhrase:
    """A noun phrase: the words of its name, its count (None: not said), and how it was introduced."""

    name: str
    count: int | None
    attributes: tuple[str, ...]
    definite: bool
    counted: bool  # had an article or a number of its own
    plural: bool
    same: bool = False  # "the same number of"
    vague: bool = False  # "a few": a count that a comparison may change
    apart: bool = False  # after ", and", which sets it off from the list before it


_BY_WORDS = sorted(
    ((tuple(words.split()), kind) for kind, rows in grammar.RELATION_WORDS.items() for words in rows),
    key=lambda item: -len(item[0]),
)
_FRAMES = sorted((tuple(words.split()) for words in grammar.FRAMES), key=lambda words: -len(words))


def phrase_parts(text: str, encoder: TextEncoder) -> list[NounPhrase | str]:
    """Noun phrases with what stands between them: a relation's kind, "," (a list goes on), "with", "it" or ".".

    Raises ValueError for a count that nobody could draw (``counting.py``).
    """
    words, compared = _without_comparison(
        counted(tokens(whole_numbers(text, grammar.MOST), punctuation=True), grammar.MOST)
    )
    parts = _parts(_without_frames(words), encoder)
    _compare(parts, compared, encoder)
    return parts


def _without_comparison(words: list[str]) -> tuple[list[str], list[str]]:
    """The words up to ", the number of cars is more than that of trucks", and this clause, which adds no object."""
    for at in range(len(words)):
        if words[at : at + 4] == [",", "the", "number", "of"]:
            return words[:at], words[at + 4 :]
    return words, []


def _compare(parts: list[NounPhrase | str], compared: list[str], encoder: TextEncoder) -> None:
    """Change the vague count of the second thing that "cars is more than that of trucks" compares, as it says."""
    if "than" not in compared:
        return
    at = compared.index("than")
    more = any(word in compared[:at] for word in ("more", "greater", "larger", "higher"))
    nouns = [_noun_phrase([w for w in side if w not in _COMPARING], encoder) for side in (compared[:at], compared[at:])]
    named = [next((p for p in parts if isinstance(p, NounPhrase) and n and p.name == n.name), None) for n in nouns]
    first, second = named
    if first is None or second is None or first is second or not second.vague or second.count is None:
        return
    known = first.count or 1
    second.count = min(second.count, max(known - 1, 1)) if more else max(second.count, known + 1)


_COMPARING = word_set("is are more less fewer greater smaller larger higher lower than that those the number of")


def _without_frames(words: list[str]) -> list[str]:
    """Without "a photo of" and the like, wherever they stand."""
    kept: list[str] = []
    at = 0
    while at < len(words):
        frame = next((f for f in _FRAMES if tuple(words[at : at + len(f)]) == f), None)
        if frame is None:
            kept.append(words[at])
        at += 1 if frame is None else len(frame)
    return kept


def _parts(words: list[str], encoder: TextEncoder) -> list[NounPhrase | str]:
    """Noun phrases with what stands between them: a relation's kind, "," (a list goes on) or "with"."""
    parts: list[NounPhrase | str] = []
    pending: list[str] = []
    joined: list[str] = []  # what stood between the last phrase and the one to come

    def close() -> None:
        phrase = _noun_phrase(pending, encoder)
        pending.clear()
        if phrase is not None:
            phrase.apart = joined == [",", "and"]
            joined.clear()
            parts.append(phrase)

    at = 0
    while at < len(words):
        matched = _relation_at(words, at)
        word = words[at]
        if word in grammar.PRONOUNS:
            close()
            parts.append("it")
            at += 1
        elif matched is not None and not _is_name(words[at : at + 2], encoder):
            close()
            parts.append(matched[1])
            at += matched[0]
        elif (
            word in grammar.DOING
            and words[at + 1 : at + 2]
            and (words[at + 1] in ARTICLES or words[at + 1] in grammar.COUNTS)
        ):
            close()
            parts.append("beside")
            at += 1
        elif word in (
            "with",
            "has",
            "have",
            "having",
            "containing",
            "contains",
            "contain",
            "featuring",
            "including",
            "shows",
            "showing",
        ):
            close()
            parts.append("with")
            at += 1
        elif word in grammar.JOINING or word == ".":
            close()
            joined.append(word)
            parts.append("," if word != "." else ".")
            at += 1
        elif word == "of" and pending and (pending[-1] in grammar.GROUPS or singular(pending[-1]) in grammar.GROUPS):
            pending.append("of")
            at += 1
        elif word == "of" and pending and singular(pending[-1]) in grammar.PORTIONS:
            pending.clear()
            at += 1
        elif word == "of" and pending:  # of what a thing is full, made or part: "a cup of coffee"
            close()
            at += 1
            while at < len(words) and words[at] not in grammar.LISTING and not _relation_at(words, at):
                at += 1
        elif word in grammar.VERBS or word == "of" or _is_doing(words, at, pending, encoder):
            close()
            at += 1
        else:
            if word in ARTICLES and pending and _noun_phrase(pending, encoder) is not None:
                close()  # "a pillow a bed": an article begins the next object
            pending.append(word)
            at += 1
    close()
    return parts


def _is_doing(words: list[str], at: int, pending: list[str], encoder: TextEncoder) -> bool:
    """Whether a word says what the thing before it does: "people reading books", but not "a stone building"."""
    word = words[at]
    if not word.endswith("ing") or _known_singular([word], encoder) or _is_name(words[at : at + 2], encoder):
        return False
    return _noun_phrase(pending, encoder) is not None


def _relation_at(words: list[str], at: int) -> tuple[int, str] | None:
    """``(words it takes, kind)`` of the relation that begins here."""
    return next(((len(w), kind) for w, kind in _BY_WORDS if tuple(words[at : at + len(w)]) == w), None)


def _is_name(words: list[str], encoder: TextEncoder) -> bool:
    """Whether two words that begin like a relation are one name ("in line" is not, "inside out" neither)."""
    return len(words) == 2 and encoder.understand(" ".join(words)).how == "name"


def _noun_phrase(words: list[str], encoder: TextEncoder) -> NounPhrase | None:
    count: int | None = None
    definite = counted = vague = False
    rest = list(words)
    same = rest[:4] in (["the", "same", "number", "of"], ["the", "equal", "number", "of"])
    rest = rest[4:] if same else rest
    while rest:
        word = rest[0]
        group = word if word in grammar.GROUPS else singular(word)
        if word.isdecimal():
            count, counted = int(word), True
        elif word in grammar.COUNTS and not (word == "a" and len(rest) > 1 and rest[1] in ("few", "dozen")):
            count, counted = grammar.COUNTS[word], True
        elif word in grammar.VAGUE:
            count, counted, vague = grammar.VAGUE[word], True, True
        elif group in grammar.GROUPS and len(rest) > 2 and rest[1] == "of":
            count, counted = grammar.GROUPS[group], True
            rest = rest[1:]
        elif group in grammar.PEOPLE and len(rest) == 1:  # "a family in a living room"
            return NounPhrase("person", max(count or 1, grammar.GROUPS[group]), (), definite, True, False)
        elif word == "couple" and len(rest) > 1:
            count, counted = 2, True
        elif word in ARTICLES or word in ("of", "same", "there"):
            definite = definite or word in grammar.DEFINITE
            counted = counted or word in ("a", "an", "the")
        else:
            break
        rest = rest[1:]
    for end in range(len(rest), 0, -1):  # trailing words may be adverbs: "a dog together"
        for start in range(end):
            name = rest[start:end]
            if name[0] in ARTICLES:
                continue
            last = _known_singular(name, encoder)
            if last is not None:
                attributes = tuple(w for w in rest[:start] if w.isalpha() and w not in ARTICLES)
                own = " ".join([*name[:-1], last])
                own = grammar.ALIASES.get(own, own)
                return NounPhrase(own, count, attributes, definite, counted or same, last != name[-1], same, vague)
    return None


def _known_singular(name: list[str], encoder: TextEncoder) -> str | None:
    """The last word of a name in the singular, if the name is an object that the encoder knows; else None."""
    last = name[-1]
    for word in (last, singular(last)):
        if " ".join([*name[:-1], word]) in grammar.SETTINGS:  # no object ("farm"): the vocabulary need not know it
            return word
    if encoder.understand(" ".join(name)).how in ("name", "synonym") and not _never(name, encoder):
        return "glass" if last == "glasses" and len(name) > 1 else singular(last)
    return None


def _never(words: list[str], encoder: TextEncoder) -> bool:
    """Adjectives, verbs and places that the vocabulary holds as words of captions."""
    name = " ".join(words)
    if name in grammar.COLOURS - {"orange"} or name in grammar.VERBS:
        return True
    if len(words) == 1 and name in grammar.NOTHING:
        return True
    return not encoder.is_noun(name) and name not in PEOPLE  # the vocabulary's "farmer" is no noun
