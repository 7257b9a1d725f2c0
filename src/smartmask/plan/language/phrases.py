"""From a phrase about a scene to objects, counts, colours and relations: a small grammar over the vocabulary.

"a living room with a sofa, two lamps and a cat on the rug" -> a setting, four kinds of objects, one relation.
No part-of-speech model: the noun of a phrase is the longest name that the text encoder knows; relation words,
numbers and colours are closed lists (``grammar.py``). A relation after a list belongs to the last object if
the objects have their own articles or numbers ("a sofa and a cat on the rug"), else to all of them ("man, woman
and dog on the bench").
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import BaseModel

from smartmask.io.checks import check_prompt
from smartmask.io.sentences import short_repr
from smartmask.plan.language import grammar
from smartmask.plan.language.wording import NounPhrase, phrase_parts
from smartmask.text.counting import too_many
from smartmask.text.encoder import TextEncoder


@dataclass(frozen=True)
class Wanted:
    """One object to be drawn.

    name: the noun, singular, as written. attributes: colours and other adjectives. surface: a region such as
    grass that the stuff field draws. key: unique in the request ("lamp 2"). said: written in the text; False
    for what the setting brings.
    """

    name: str
    key: str
    attributes: tuple[str, ...] = ()
    surface: bool = False
    said: bool = True

    @property
    def prompt(self) -> str:
        """The name with its attributes: "red car"."""
        return " ".join((*self.attributes, self.name))


@dataclass(frozen=True)
class Relation:
    """``subject`` stands ``kind`` (one of grammar.RELATIONS) ``reference``; both are keys of Wanted, or, for the
    reference of an insertion, ``layer:NAME`` of the scene."""

    subject: str
    kind: str
    reference: str

    def __str__(self) -> str:
        return f"{self.subject} {self.kind} {self.reference.removeprefix('layer:')}"


class RelationRecord(BaseModel):
    """A relation of the text in ``result.json``, and whether the masks keep it."""

    subject: str
    relation: str
    reference: str
    met: bool

    @classmethod
    def of(cls, relation: Relation, met: bool) -> RelationRecord:
        """reference: without the prefix of a scene's layer."""
        reference = relation.reference.removeprefix("layer:")
        return cls(subject=relation.subject, relation=relation.kind, reference=reference, met=met)


@dataclass(frozen=True)
class Request:
    """What a phrase asks for. setting: "living room", or None. notes: sentences on what was guessed."""

    text: str
    objects: tuple[Wanted, ...]
    relations: tuple[Relation, ...] = ()
    setting: str | None = None
    notes: tuple[str, ...] = ()

    def find(self, key: str) -> Wanted:
        """The object of a key; KeyError if there is none."""
        for item in self.objects:
            if item.key == key:
                return item
        raise KeyError(key)

    @property
    def things(self) -> tuple[Wanted, ...]:
        return tuple(item for item in self.objects if not item.surface)

    @property
    def surfaces(self) -> tuple[Wanted, ...]:
        return tuple(item for item in self.objects if item.surface)


@dataclass
class _State:
    objects: list[Wanted] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    setting: str | None = None
    used: dict[str, int] = field(default_factory=dict)


def parse(text: str, encoder: TextEncoder, known: tuple[str, ...] = ()) -> Request:
    """The objects and relations of a phrase.

    known: names of layers that are there already; "the bench" means one of these, if there is one alike.
    Raises ValueError for a blank or overlong text, for one without any object or setting, for a count that is no
    whole number, and for more than grammar.MOST objects.
    """
    text = check_prompt(text, "scene text")
    parts = phrase_parts(text, encoder)
    state = _State()
    _build(parts, encoder, known, state)
    if not state.objects and state.setting is None and not any(isinstance(part, NounPhrase) for part in parts):
        raise ValueError(
            f"No object or place is known in {short_repr(text, 200)}; name some, as in 'two dogs on grass'."
        )
    if not state.objects and any(isinstance(part, NounPhrase) and part.count == 0 for part in parts):  # "0 dogs"
        raise ValueError(f"{short_repr(text, 200)} asks for no object; name one to draw, as in 'two dogs on grass'.")
    things = sum(not item.surface for item in state.objects)
    if things > grammar.MOST:
        raise too_many(text, things, grammar.MOST)
    if state.setting is None:  # "a car in front of a building" plays where buildings are
        surfaces = (item.name for item in state.objects if item.surface and item.name in grammar.SETTINGS)
        state.setting = next(surfaces, None)
    relations = tuple(dict.fromkeys(state.relations))
    return Request(text, tuple(state.objects), relations, state.setting, tuple(dict.fromkeys(state.notes)))


def _build(parts: list[NounPhrase | str], encoder: TextEncoder, known: tuple[str, ...], state: _State) -> None:
    """Walk the parts; a relation binds the objects before it to the ones after it."""
    listed: list[tuple[NounPhrase, list[str]]] = []  # the current list: phrases with their keys
    relation: str | None = None
    subjects: list[str] = []
    owner: list[str] = []  # whose "with" the current list is
    for part in parts:
        if part == "with":
            owner, listed, relation = _subjects(listed) or owner, [], None
        elif part == ".":
            listed, relation, owner = [], None, []
        elif part == ",":
            continue
        elif part == "it":
            if relation is not None:
                first = owner or [item.key for item in state.objects if item.key not in subjects][:1]
                state.relations = [r for r in state.relations if r.reference not in first or r.subject not in subjects]
                _bind(subjects, relation, first, state)
            relation, listed = None, []
        elif isinstance(part, str):
            subjects = subjects if relation is None and not listed else _subjects(listed) or subjects
            relation, listed = part, []
        else:
            if relation in ("in", "at", "on", "beside", None) and _is_setting(part) and not listed:
                _set(state, part)
                if not _surface(part) or (relation is None and not state.objects):
                    relation = None
                    continue
            keys = _reference(part, relation, encoder, known, state)
            if relation is not None:
                _bind(subjects, relation, keys, state)
                relation = None  # a further relation speaks of the same subjects: "a cat on the rug under a table"
                continue
            if len(owner) == 1:
                _bind(keys, "on" if _carries(owner[0], part.name) else "beside", owner, state)
            listed.append((part, keys))


def _bind(subjects: list[str], kind: str, references: list[str], state: _State) -> None:
    for subject in subjects:
        for reference in references[:1]:
            if subject != reference and not subject.startswith("layer:"):
                state.relations.append(Relation(subject, kind, reference))


def _carries(owner: str, name: str) -> bool:
    """Whether what is "with" a support lies on it: a table with three cups."""
    noun = owner.rstrip(" 0123456789").split()[-1]
    return noun in grammar.SUPPORTS[1] and (
        name.replace(" ", "_") in grammar.SMALL or name.split()[-1] in grammar.SMALL
    )


def _subjects(listed: list[tuple[NounPhrase, list[str]]]) -> list[str]:
    """The keys that a relation after a list speaks of: all, or, if the last phrase has its own article, that one's.

    People and animals that follow each other stay together: in "a sofa, a man and a woman on the bench" both sit.
    """
    if not listed:
        return []
    last = listed[-1][0]
    chosen = listed
    if last.counted or last.definite:
        first = len(listed) - 1
        while first > 0 and not listed[first][0].apart and all(_alive(phrase) for phrase, _ in listed[first - 1 :]):
            first -= 1
        chosen = listed[first:]
    return [key for _, keys in chosen for key in keys if not key.startswith("layer:")]


def _alive(phrase: NounPhrase) -> bool:
    return phrase.name.split()[-1] in grammar.ALIVE


def _is_setting(phrase: NounPhrase) -> bool:
    return (phrase.count or 1) == 1 and _setting_name(phrase) is not None


def _setting_name(phrase: NounPhrase) -> str | None:
    whole = " ".join((*phrase.attributes[-1:], phrase.name))
    for name in (whole, phrase.name, phrase.name.split()[-1]):
        if name in grammar.SETTINGS:
            return name
    return None


def _surface(phrase: NounPhrase) -> bool:
    return phrase.name in grammar.SURFACES


def _set(state: _State, phrase: NounPhrase) -> None:
    if state.setting is None:
        state.setting = _setting_name(phrase)


def _reference(
    phrase: NounPhrase, relation: str | None, encoder: TextEncoder, known: tuple[str, ...], state: _State
) -> list[str]:
    """The keys of a phrase: an object named before, a layer of the scene, or new objects."""
    if phrase.definite or relation is not None:
        earlier = [item.key for item in state.objects if f" {item.name}".endswith(f" {phrase.name}")]
        if earlier and (phrase.definite or phrase.count is None):
            return earlier
    layer = _layer_like(phrase, encoder, known) if relation is not None or phrase.definite else None
    if layer is not None and (phrase.definite or not phrase.counted or _surface(phrase)):
        return [f"layer:{layer}"]
    if known and phrase.definite and relation is not None:
        state.notes.append(f"The scene has no '{phrase.name}'; one is put in.")
    return _add(phrase, state)


def _layer_like(phrase: NounPhrase, encoder: TextEncoder, known: tuple[str, ...]) -> str | None:
    wanted = encoder.understand(grammar.SURFACE_NAMES.get(phrase.name, phrase.name)).name
    for name in known:
        if name == phrase.name or encoder.understand(name).name == wanted:
            return name
    return None


def _add(phrase: NounPhrase, state: _State) -> list[str]:
    surface = _surface(phrase)
    count = phrase.count
    if phrase.same and state.objects:
        count = state.used[state.objects[-1].name]
    if count is None:
        count = grammar.PLURAL if phrase.plural and not surface else 1
        if phrase.plural and not surface:
            state.notes.append(f"'{phrase.name}' is a plural without a number; {count} are drawn.")
    name = grammar.SURFACE_NAMES.get(phrase.name, phrase.name) if surface else phrase.name
    keys = []
    for _ in range(1 if surface else count):
        number = state.used.get(name, 0) + 1
        if surface and number > 1:
            return [name]
        state.used[name] = number
        key = name if number == 1 else f"{name} {number}"
        state.objects.append(Wanted(name, key, phrase.attributes, surface))
        keys.append(key)
    return keys
