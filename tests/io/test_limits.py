"""Limits: each set by a variable of its name; a wrong value is one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from smartmask.io.limits import PREFIX, Limits, limits_of


@pytest.mark.parametrize("field", fields(Limits), ids=lambda field: field.name)
def test_each_has_a_variable_and_a_text(field) -> None:
    assert getattr(limits_of({PREFIX + field.name.upper(): "7"}), field.name) == 7
    assert re.search(rf"\b{field.name}\b[^:]*:", Limits.__doc__ or "")


def test_none_set() -> None:
    assert limits_of({"PATH": "/bin", "SMARTMASK_MAX_PIXELS": " "}) == Limits()
    with pytest.raises(FrozenInstanceError):
        Limits().pixels = 3  # type: ignore[misc]


@pytest.mark.parametrize("text", ["many", "0", "-1", "1.5", "1e9", "inf", "nan", "9" * 30, "0x10", "1;2"])
def test_a_wrong_value(text: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^The variable SMARTMASK_MAX_PIXELS is '{re.escape(text)}'; it must be .*\.$"
    ):
        limits_of({"SMARTMASK_MAX_PIXELS": text})


def test_an_unknown_one() -> None:
    with pytest.raises(ValueError, match=r"^There is no limit SMARTMASK_MAX_PIXLES; known are .*SMARTMASK_MAX_PIXELS"):
        limits_of({"SMARTMASK_MAX_PIXLES": "3"})


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smartmask", *arguments]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)


COMMANDS = ["masks", "insert", "remove", "layout", "plan", "scene", "memory", "data", "train", "eval"]


@pytest.mark.parametrize(
    "arguments",
    [["masks", "photo.png", "dog", "--out", "never"], ["--help"], ["--version"], [], ["nonsense"],
     *([command, "--help"] for command in COMMANDS)],
    ids=" ".join,
)  # fmt: skip
def test_every_command_says_it_in_a_sentence(arguments: list[str]) -> None:
    done = run(*arguments, SMARTMASK_MAX_PIXELS="few")
    assert done.stdout == ""
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "smartmask: The variable SMARTMASK_MAX_PIXELS is 'few'; it must be a whole number from 1 to 2^53."
    )


def test_the_page_on_security_tells_every_limit() -> None:
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d,]+) \|", page, flags=re.MULTILINE))
    assert told == {field.name.upper(): f"{field.default:,.0f}" for field in fields(Limits)}
