"""Settings: the one form of a request. Python calls, commands and services build the same class.

A setting's text, range and default stand in its class and nowhere else; ``cli/command.py`` makes a command of a class,
and its JSON schema serves a web service. Settings that several requests share are classes that they inherit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo

from smartmask.io.checks import real, whole
from smartmask.io.inputs import guarded
from smartmask.io.sentences import short_repr


class Settings(BaseModel):
    """The base of all requests: frozen, without unknown names.

    What is wrong is a ValueError of one sentence: the first fault, its value, the remedy.
    outputs: the fields whose paths are written, or read and written again; all other paths are inputs, which nothing
    that a ``run`` of the class writes takes the place of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    outputs: ClassVar[tuple[str, ...]] = ("out",)

    if not TYPE_CHECKING:  # type checkers read the fields

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise ValueError(sentence(error)) from None

    @field_validator("*", mode="before")
    @classmethod
    def _exact(cls, value: Any, info: ValidationInfo) -> Any:
        """Numbers as ``io/checks.py`` takes them, whoever gives them: no "5", no True for 1, no 3.0 for 3."""
        return _number_for(value, cls.model_fields[str(info.field_name)].annotation)

    @classmethod
    def of_json(cls, text: str | bytes) -> Self:
        """The settings of a request as JSON. Raises ValueError of one sentence, as ``__init__`` does."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(sentence(error)) from None

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        if "run" in cls.__dict__:
            cls.run = guarded(cls.__dict__["run"])  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        """An empty path would be the present folder."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, str) and not value and field is not None and "Path" in str(field.annotation):
                raise ValueError(f"The {name.replace('_', ' ')} is empty; give a path, or '.' for the present folder.")
        return values

    def inputs(self) -> dict[str, list[str | Path]]:
        """``{field: paths}`` of what the request reads; texts may be paths too, also behind an "=" (FORMAT=PATH)."""
        found = {}
        for name in type(self).model_fields:
            if name not in self.outputs:
                paths = list(_paths(getattr(self, name)))
                if paths:
                    found[name.replace("_", " ")] = paths
        return found

    @classmethod
    def of(cls, **values: Any) -> Self:
        """The settings of values that a type checker cannot know."""
        return cls(**values)


def given_settings(settings: type[Settings], values: dict[str, Any]) -> dict[str, Any]:
    """Some values of a class of settings, themselves, once they are known to be fields that commands show and of the
    right kinds and ranges. ValueError of one sentence for the first that is not."""
    shown = [name for name, field in settings.model_fields.items() if kind_of(field) != "internal"]
    for name in values:
        if name not in shown:
            raise ValueError(f"There is no setting {short_repr(name)}; known are {', '.join(shown)}.")
    try:
        settings.__pydantic_validator__.validate_python(values, self_instance=settings.__new__(settings))
    except ValidationError as error:
        wrong = [one for one in error.errors() if not one["loc"] or one["loc"][0] in values]
        if wrong:
            raise ValueError(_sentence(wrong[0])) from None
    return values


def _paths(value: Any) -> Iterator[str | Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, str):
        yield value
        if "=" in value:
            yield value.partition("=")[2]
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _paths(part)


def option(
    default: Any, description: str, *, flags: tuple[str, ...] = (), metavar: str | None = None, **limits: Any
) -> Any:
    """A field that is an option of commands. flags: its spellings, where they are not ``--its-name``.

    metavar: what stands for the value in help. limits: pydantic's own (ge, le, min_length, ...).
    """
    return Field(default, description=description, json_schema_extra=_shown("option", flags, metavar), **limits)


def argument(description: str, *, metavar: str | None = None, default: Any = ..., **limits: Any) -> Any:
    """A field that is an argument of commands, without a flag, in the class's order; to be given, or with a default."""
    extra = _shown("argument", (), metavar)
    return Field(default, description=description, json_schema_extra=extra, **limits)


def required(description: str, *, flags: tuple[str, ...] = (), metavar: str | None = None, **limits: Any) -> Any:
    """An option that has to be given."""
    return option(..., description, flags=flags, metavar=metavar, **limits)


def internal(default: Any, description: str, **limits: Any) -> Any:
    """A field for Python alone, such as an array: no command shows it."""
    return Field(default, description=description, json_schema_extra=_shown("internal", (), None), **limits)


def kind_of(field: FieldInfo) -> str:
    """What commands make of a field: "option", "argument" or, where it is for Python alone, "internal"."""
    extra = field.json_schema_extra
    return str(extra.get("kind", "internal")) if isinstance(extra, dict) else "internal"


def _shown(kind: str, flags: tuple[str, ...], metavar: str | None) -> dict[str, Any]:
    return {"kind": kind, "flags": list(flags), "metavar": metavar}


def _number_for(value: Any, annotation: Any) -> Any:
    """The value, but Python's own number where the field is one; what is none stays for pydantic to refuse."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if value is None or not {int, float, bool}.intersection(kinds):
        return value
    if bool in kinds:
        return bool(value) if type(value).__name__.startswith("bool") else _Wrong(value)
    number = real(value) if float in kinds else whole(value)
    return _Wrong(value) if number is None else number


class _Wrong:
    """A value of the wrong kind, which pydantic would have turned into the right one without a word."""

    def __init__(self, value: Any) -> None:
        self.value = value


def sentence(error: ValidationError) -> str:
    """The first fault of pydantic's, in one sentence with the value and what would be right."""
    return _sentence(error.errors()[0])


def _sentence(first: Any) -> str:
    raised = first.get("ctx", {}).get("error")
    if isinstance(raised, ValueError):  # a check of ours, which speaks for itself
        return str(raised)
    where = short_repr(".".join(str(part) for part in first["loc"]).replace("_", " "))[1:-1]
    value, limits = first.get("input"), first.get("ctx", {})
    value = value.value if isinstance(value, _Wrong) else value
    wishes = {
        "greater_than_equal": "must be at least {ge}", "less_than_equal": "must be at most {le}",
        "greater_than": "must be above {gt}", "less_than": "must be below {lt}",
        "literal_error": "use {expected}", "int_parsing": "it must be a whole number",
        "int_type": "it must be a whole number", "float_parsing": "it must be a number",
        "float_type": "it must be a number",
        "bool_type": "it must be true or false",
        "string_type": "it must be a text", "bool_parsing": "it must be true or false",
    }  # fmt: skip
    kind = first["type"]
    if kind == "json_invalid":
        return f"The request is not valid JSON ({limits.get('error', 'damaged')})."
    if kind == "missing":
        return f"The {where} is missing; give one."
    if kind == "extra_forbidden":
        return f"There is no setting '{where}'; leave it out."
    wish = wishes[kind].format(**limits) if kind in wishes else first["msg"].lower().rstrip(".")
    wish = f"it {wish}" if wish.startswith("must") else wish
    return f"The {where} is {short_repr(value)}; {wish}."
