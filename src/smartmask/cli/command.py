"""Commands made of settings: a class's fields become a command's options, and none is written twice."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from smartmask.io.inputs import reading
from smartmask.io.settings import Settings, kind_of

PLAIN = (bool, int, float, str)  # a path stays a text: Path("") would be the present folder
CONFIG = "config"
Made = TypeVar("Made", bound=Settings)


Config = Callable[[str, type[Settings]], dict[str, Any]]  # a config's name and the class -> values


def command_of(
    settings: type[Made], run: Callable[[Made], None], name: str | None = None, config: Config | None = None
) -> Callable[..., None]:
    """A function that typer makes a command of: the settings' fields as its parameters, ``run``'s text as its help.

    Values are checked by the class alone; a wrong one is a ValueError of one sentence. config: reads what
    ``--config NAME`` names; options that are given win over it.
    """
    parameters = [
        _parameter(field, info, _heading(settings, field))
        for field, info in settings.model_fields.items()
        if kind_of(info) != "internal"
    ]
    if config is not None:
        parameters.append(_config(settings, config))

    def command(**values: Any) -> None:
        values.pop(CONFIG, None)
        given = {key: value for key, value in values.items() if value is not None}
        request = settings.of(**given)
        with reading(request.inputs()):
            run(request)

    command.__name__ = name or run.__name__
    command.__doc__ = inspect.getdoc(run)
    # arguments and whatever has no default come first, as in any signature
    command.__signature__ = inspect.Signature(sorted(parameters, key=_has_default))  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _config(settings: type[Settings], config: Config) -> inspect.Parameter:
    """An option that is read before all others and gives them their defaults."""

    def read(context: typer.Context, value: str | None) -> str | None:
        if value is not None:
            context.default_map = {**(context.default_map or {}), **config(value, settings)}
        return value

    text = "Settings from a YAML file, or a shipped one's name; options that are given win."
    about = typer.Option(f"--{CONFIG}", help=text, metavar="NAME", is_eager=True, callback=read)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(CONFIG, keyword, default=None, annotation=Annotated[str | None, about])


def _has_default(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty


def _extra(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _heading(settings: type[Settings], field: str) -> str | None:
    """The heading of a field in the command's help: that of the class that declares it."""
    owner = next(kind for kind in settings.__mro__ if field in inspect.get_annotations(kind))
    return owner.__dict__.get("heading")


def _parameter(name: str, info: FieldInfo, heading: str | None = None) -> inspect.Parameter:
    extra, default = _extra(info), info.get_default(call_default_factory=True)
    given = not info.is_required()
    metavar = extra.get("metavar") or ("PATH" if "Path" in str(info.annotation) else None)
    shown: dict[str, Any] = {"help": info.description, "metavar": metavar, "rich_help_panel": heading}
    kind: Any = _plain(info.annotation)
    if extra["kind"] == "argument":
        about: Any = typer.Argument(**shown)
    else:
        about = typer.Option(*extra["flags"], **shown)
    if isinstance(default, tuple):  # typer knows lists
        default = list(default) or None
    empty = inspect.Parameter.empty
    kind = kind | None if given and default is None else kind
    annotation: Any = Annotated[kind, about]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default if given else empty, annotation=annotation)


def _plain(annotation: Any) -> Any:
    """What typer reads a field as: one of PLAIN or a list of one; anything else as a text, which the class checks."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _plain(kinds[0]) if len(kinds) == 1 else str
    if get_origin(annotation) in (tuple, list):
        return list.__class_getitem__(_plain(get_args(annotation)[0]))
    return annotation if annotation in PLAIN else str
