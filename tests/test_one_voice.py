"""What people read goes through ``io/terminal.py``, which cleans it: no other module prints or writes to a stream."""

from __future__ import annotations

import ast
from pathlib import Path

import smartmask

SOURCE = Path(smartmask.__file__).parent
VOICE = SOURCE / "io" / "terminal.py"


def spoken(text: str) -> list[int]:
    """Lines that print, or write to stdout or stderr themselves."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called == "print" or called.endswith((".print", "stdout.write", "stderr.write", "typer.echo", "click.echo")):
            found.append(node.lineno)
    return found


def test_the_look_finds_what_it_looks_for() -> None:
    for line in ("print(1)", "print", "sys.stderr.write('x')", "typer.echo(1)", "self.accelerator.print(1)"):
        assert bool(spoken(line)) == ("(" in line)
    assert spoken("say(1)\nprinted(2)\nfile.write('x')") == []


def test_only_one_module_speaks() -> None:
    paths = sorted(SOURCE.rglob("*.py"))
    assert VOICE in paths
    loud = {path.relative_to(SOURCE): spoken(path.read_text("utf-8")) for path in paths if path != VOICE}
    assert {path: lines for path, lines in loud.items() if lines} == {}
