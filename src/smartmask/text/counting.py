"""Numbers in a phrase, as digits or words: told from other digits, and refused where nobody could draw so many.

"twenty-five dogs", "half a dozen eggs" and "2 or 3 cats" become "25 dogs", "6 eggs" and "2 cats" before nouns are
looked for; "1000000000 dogs", "dozens of dogs", "-3 dogs" and "2.5 dogs" are errors. Digits that name rather than
count ("a 747 airplane", "number 7 bus", "a 2.5 litre bottle") are left out.
"""

from __future__ import annotations

import re

from smartmask.io.sentences import short_repr
from smartmask.text.words import BREAKS, word_set

DIGITS: dict[str, int] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12,
}  # fmt: skip
UNITS: dict[str, int] = DIGITS | {
    "zero": 0, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
SCALES: dict[str, int] = {
    "dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "quadrillion": 10**15, "zillion": 10**18, "gazillion": 10**18, "googol": 10**100,
}  # fmt: skip
# of which a picture has some number: "dozens of dogs"
UNCOUNTED = word_set("countless innumerable uncountable infinite infinitely endless endlessly unlimited umpteen")
UNCOUNTED |= {f"{scale}s" for scale in SCALES}
NAMING = word_set("a an number no nr")  # before digits that are a name
_BEGINS = frozenset(UNITS) | frozenset(SCALES) | UNCOUNTED | {"minus", "negative"}
_WITHIN = word_set("a an half and or to of")
SHOWN = 24  # characters of a number that an error repeats
_FRACTION = "\u00bc-\u00be\u2150-\u215e"
_BLOB = re.compile(rf"(?<!\S)\(?(?P<number>[-\u2212\u2013+]?\d[^\s,;:!?()]*(?:,\d{{3}}(?!\d))*|[{_FRACTION}])")
_WHOLE = re.compile(r"\+?(\d+)(?:\.0*|x|\u00d7|[-\u2013]\d+)?")  # 3, 3.0, 3x, 3-4
_POWER = re.compile(r"\+?\d+(?:\.\d+)?(?:e\+?|\^|\*\*)\d+", re.IGNORECASE)
_BROKEN = re.compile(rf"[-\u2212\u2013]\d[\d.]*|\+?\d*(?:\.\d+|/\d+|[{_FRACTION}])")
_WORD = re.compile(r"\d+-([^\W\d].*)")  # "35-year-old" counts no men
_SPACED = re.compile(r"(?<=\d)\s*(\^|\*\*)\s*(?=\d)|(?<!\S)([-\u2212])\s+(?=\d)")  # "10 ^ 30", "- 3 dogs"
_NEGATIVE = re.compile(r"\b(?:minus|negative)\s+(\w+)(?:\s+(\w+))?", re.IGNORECASE)


def too_many(said: str, count: object, most: int) -> ValueError:
    """The error of a phrase that asks for more than can be drawn."""
    return ValueError(f"{short_repr(said, 200)} asks for {count} objects; at most {most} can be drawn.")


def _no_count(said: str, number: str, most: int) -> ValueError:
    return ValueError(f"{short_repr(said, 200)} counts {number}; give a whole number from 0 to {most}.")


def whole_numbers(text: str, most: int) -> str:
    """The text with its numbers of digits plain, and without those that name; ValueError for one that counts what
    nobody could draw: negative, broken, a power, or over ``most``."""
    minus = _NEGATIVE.search(text)
    if minus is not None and (minus[1].lower() in UNITS or minus[1].isdecimal()):
        raise _no_count(minus[0], minus[0].rsplit(maxsplit=1)[0] if minus[2] else minus[0], most)
    text = _SPACED.sub(lambda found: found[1] or found[2], text)
    parts, at = [], 0
    for found in _BLOB.finditer(text):
        plain = _plain(found["number"], text[: found.start()], text[found.end() :], most)
        if plain is not None:
            parts += [text[at : found.start("number")], plain]
            at = found.end()
    return "".join([*parts, text[at:]])


def _plain(number: str, before: str, after: str, most: int) -> str | None:
    """What stands for a number: its digits where it counts, "" where it names; None where it is no number ("3d")."""
    following = after.split(maxsplit=1)
    number, ends = number.rstrip("."), number.endswith(".")
    digits = number.replace(",", "")
    whole = _WHOLE.fullmatch(digits)
    if whole is None and not _POWER.fullmatch(digits) and not _BROKEN.fullmatch(digits):
        word = _WORD.fullmatch(number)
        return None if word is None else word[1]
    last = before.rsplit(maxsplit=1)[-1].lower().strip(".#") if before.strip() else ""
    if last in NAMING or ends or not after[:1].isspace() or not following or following[0].lower() in BREAKS:
        return ""
    said = f"{_short(number)} {following[0].strip('.,;:!?()')}"
    if _POWER.fullmatch(digits):
        raise too_many(said, _short(number), most)
    if whole is None:
        raise _no_count(said, _short(number), most)
    value = whole[1].lstrip("0") or "0"
    if len(value) > len(str(most)) or int(value) > most:
        raise too_many(said, _short(value), most)
    return str(int(value))


def _short(number: str) -> str:
    return number if len(number) <= SHOWN else f"{number[: SHOWN // 2]}..."


def counted(words: list[str], most: int) -> list[str]:
    """The words with numbers in words as digits ("twenty", "five" -> "25"; "two or three" -> "2").

    Raises ValueError for more than ``most``, and for words that say only that there are very many.
    """
    kept: list[str] = []
    at = 0
    while at < len(words):
        taken, value = _number_at(words, at)
        if words[at] in UNCOUNTED and words[at + 1 : at + 2]:
            said = " ".join(words[at : at + (3 if words[at + 1] == "of" else 2)])
            raise ValueError(f"{short_repr(said, 200)} says no number that can be drawn; give one up to {most}.")
        if value is None:
            kept.append(words[at])
            at += 1
            continue
        if kept and kept[-1] in ("a", "an") and words[at] in SCALES:
            kept.pop()
        if value > most and words[at + taken : at + taken + 1]:
            raise too_many(" ".join(words[at : at + taken + 1]), _short(str(value)), most)
        kept.append(str(value))
        at += taken
        if words[at : at + 1] in (["or"], ["to"]):  # "two or three"
            more, other = _number_at(words, at + 1)
            at += 0 if other is None else 1 + more
    return kept


def _number_at(words: list[str], at: int) -> tuple[int, int | None]:
    """``(words taken, value)`` of the number in words or digits that begins here; (0, None) without one."""
    if words[at : at + 3] == ["half", "a", "dozen"]:
        return 3, 6
    total = current = 0
    end = at
    while end < len(words):
        word = words[end]
        joins = word == "and" and end > at and words[end - 1] in SCALES and words[end + 1 : end + 2]
        if joins and words[end + 1] in UNITS:  # "a hundred and one"
            end += 1
            continue
        if word in UNITS and (end == at or current % 100 == 0 or (current % 10 == 0 and UNITS[word] < 10)):
            current += UNITS[word]
        elif word.isdecimal() and end == at:
            current = int(word)
        elif word in SCALES:
            current = max(current, 1) * SCALES[word]
            if SCALES[word] >= 1000:
                total, current = total + current, 0
        else:
            break
        end += 1
    return (end - at, total + current) if end > at else (0, None)


def leading_count(text: str, most: int) -> tuple[int, str]:
    """``(count, rest)`` of a text of one object that may begin with a number: "two dogs" -> (2, "dogs").

    1 where nothing is counted. Raises ValueError as ``counted`` does, and for none at all ("0 dogs").
    """
    words = text.split()
    begins = words[0] in _BEGINS or not words[0][0].isalpha()
    if not begins and not (words[0] in ("a", "an", "half") and words[1:2] and (words[1] in SCALES or words[1] == "a")):
        return 1, text
    noun = next((i for i, word in enumerate(words) if word[0].isalpha() and word not in _BEGINS | _WITHIN), len(words))
    head, tail = " ".join(words[: noun + 1]), words[noun + 1 :]
    first, *rest = counted(whole_numbers(head, most).split(), most) or [""]
    if not first.isdecimal() or not rest:
        return 1, text
    if int(first) == 0:
        raise ValueError(f"'{text}' asks for no object; name one, as in 'two dogs'.")
    return int(first), " ".join([*rest, *tail])
