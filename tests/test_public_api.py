"""What ``smartmask`` exports is typed from end to end, documented, and takes chance by one name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import smartmask

EXPORTS = [name for name in smartmask.__all__ if not name.startswith("__")]


def callables_of(name: str) -> Iterator[tuple[str, Any]]:
    """An exported function, or an exported class's own public methods."""
    found = getattr(smartmask, name)
    if inspect.isfunction(found):
        yield name, found
        return
    for attribute, value in vars(found).items():
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if inspect.isfunction(function) and (not attribute.startswith("_") or attribute == "__call__"):
            yield f"{name}.{attribute}", function


@pytest.mark.parametrize("name", EXPORTS)
def test_everything_has_types_and_a_text(name: str) -> None:
    assert (getattr(smartmask, name).__doc__ or "").strip()
    for where, function in callables_of(name):
        signature = inspect.signature(function)
        bare = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.name not in ("self", "cls") and parameter.annotation is inspect.Parameter.empty
        ]
        assert not bare, f"{where} has parameters without a type: {bare}"
        assert signature.return_annotation is not inspect.Signature.empty, f"{where} says nothing of what it returns"


@pytest.mark.parametrize("name", EXPORTS)
def test_chance_comes_in_as_generator(name: str) -> None:
    for where, function in callables_of(name):
        assert "seed" not in inspect.signature(function).parameters, f"{where} calls its chance seed, not generator"


def test_the_names_of_the_contract_are_there() -> None:
    for name in ("Scene", "Layer", "SmartMaskPipeline", "Box", "Point", "Blob", "Scribble", "MaskGuide", "Polygon",
                 "insert", "remove", "draw_layout", "MaskOutput", "MaskRequest", "Suggestion"):  # fmt: skip
        assert name in EXPORTS
        assert getattr(smartmask, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'mask'"):
        _ = smartmask.mask
