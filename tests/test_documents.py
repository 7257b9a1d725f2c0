"""Documents name what exists: commands and options, files, links, modules and what is in them.

Read are the README, ``docs/``, the benchmarks' page, the model cards, and the texts and comments of the source.
That recipes of training can be run as written is tested in ``tests/cli/test_recipes.py``.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import io
import re
import symtable
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from smartmask.cli.main import COMMANDS
from smartmask.io.package import WEIGHTS

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "smartmask"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md",
             *sorted(WEIGHTS.glob("*/README.md"))]  # fmt: skip
PROGRAMS = [*sorted(SOURCE.rglob("*.py")), *sorted((ROOT / "examples").glob("*.py"))]
FILES = [path.relative_to(ROOT) for folder in ("src", "tests", "examples", "docs", "benchmarks")
         for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]  # fmt: skip
STEMS = {path.stem: path for path in sorted(SOURCE.rglob("*.py"), reverse=True) if path.stem != "__init__"}
# Options of other programs; files that commands write, or that are other projects'
FOREIGN_OPTIONS = {"--data-binary", "--include", "--local-dir", "--nproc_per_node"}
# Names of modules that examples and texts also give to variables and fields
VARIABLES = {"layout", "scene", "text", "picture", "memory", "photo", "report", "rule", "protocol", "record"}
FOREIGN_FILES = {"run_layoutgpt_2d.py", "report.md", "paper.md", "ablation.md", "NAME.md"}

PATH = re.compile(r"(?<![\w/.<*-])((?:\.\./|[\w-]+/)*[\w-]+\.(?:py|md))\b")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def identity(path: Path) -> str:
    return str(path.relative_to(ROOT))


def spans(text: str) -> list[str]:
    """Code in sentences (``...`` or `...`), and the lines of code blocks with continuations joined."""
    text = text.replace("\\\n", " ")
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.M | re.S)
    rest = re.sub(r"^ *```\w*\n.*?^ *```", "", text, flags=re.M | re.S)
    inside = re.findall(r"``([^`]+)``|`([^`]+)`", rest)
    code = [" ".join((double or single).split()) for double, single in inside]
    return code + [line for block in blocks for line in block.splitlines()]


def texts(path: Path) -> str:
    """A document; of a program all its comments and string literals, a blank line between two."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return content
    words = tokenize.generate_tokens(io.StringIO(content).readline)
    comments = [word.string for word in words if word.type == tokenize.COMMENT]
    constants = [node.value for node in ast.walk(ast.parse(content)) if isinstance(node, ast.Constant)]
    literals = [value for value in constants if isinstance(value, str)]
    return "\n\n".join([*comments, *literals])


@cache
def commands() -> dict[str, Any]:
    """``{first word: click's command or group}``; what is imported when used is imported."""
    found = {name: load() for name, (load, _) in COMMANDS.items()}
    made: dict[str, Any] = {}
    for name, one in found.items():
        if isinstance(one, typer.Typer):
            made[name] = typer.main.get_group(one)
        else:
            single = typer.Typer()
            single.command()(one)
            made[name] = typer.main.get_command(single)
    return made


def within(command: Any) -> dict[str, Any]:
    """The commands of a group; none of a single command."""
    return dict(getattr(command, "commands", {}))


@cache
def command_at(*names: str) -> Any:
    """The command or group of these names, one at least; None if there is none."""
    level, found = commands(), None
    for name in names:
        found = level.get(name)
        level = within(found)
    return found


@cache
def options_of(*names: str) -> frozenset[str]:
    """Option words that a command takes; of no names those of ``smartmask`` itself."""
    parameters = command_at(*names).params if names else ()
    words = {word for parameter in parameters for word in (*parameter.opts, *parameter.secondary_opts)}
    return frozenset({*words, "--help", "--debug", "--version"})


@cache
def all_options() -> frozenset[str]:
    """The options of every command there is."""

    def below(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        for name in within(command_at(*path)):
            yield from below((*path, name))

    return frozenset(word for name in commands() for path in below((name,)) for word in options_of(*path))


def commands_in(text: str) -> Iterator[str]:
    """Command lines of ours, from the first word after ``smartmask``; also ``eval masks ...`` without it, in code."""
    groups = {name for name, one in commands().items() if within(one)}
    for span in spans(text):
        yield from re.findall(r"(?:^|\s|-m )smartmask (?!import )([a-z][^|;#]*)", span)
        if len(span.split()) > 1 and not span.startswith(" ") and span.split()[0] in groups:
            yield span
    yield from re.findall(r"'smartmask ([a-z][^'|;]*)'", text)


def wrong_in(words: str) -> str | None:
    """What of a command line there is not; None if all is well."""
    names: list[str] = []
    for word in (one.strip(",.:)") for one in words.split()):
        level = within(command_at(*names)) if names else commands()
        if word not in level:
            if level and re.fullmatch(r"[a-z][a-z-]*", word):
                return f"there is no command '{' '.join([*names, word])}'"
            break
        names.append(word)
    missing = [option for option in OPTION.findall(words) if option not in options_of(*names) | FOREIGN_OPTIONS]
    return f"'{' '.join(names)}' has no {', '.join(missing)}" if missing else None


@pytest.mark.parametrize("path", [*DOCUMENTS, *PROGRAMS], ids=identity)
def test_commands_exist(path: Path) -> None:
    wrong = [f"{words!r}: {fault}" for words in commands_in(texts(path)) if (fault := wrong_in(words))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", DOCUMENTS, ids=identity)
def test_options_by_themselves_exist(path: Path) -> None:
    """``--blind`` in a sentence is an option of some command."""
    found = {option for span in spans(texts(path)) for option in OPTION.findall(span)}
    assert not found - all_options() - FOREIGN_OPTIONS


def exists(name: str, beside: Path) -> bool:
    """Whether a path leads to a file: from its document, or as the end of the path of a file of the repository."""
    if (beside.parent / name).exists() or Path(name).name in FOREIGN_FILES:
        return True
    end = Path(name).parts
    return any(file.parts[-len(end) :] == end for file in FILES) or (ROOT / name).exists()


@pytest.mark.parametrize("path", [*DOCUMENTS, *PROGRAMS], ids=identity)
def test_files_exist(path: Path) -> None:
    missing = {name for name in PATH.findall(texts(path)) if not exists(name, path)}
    assert not missing


def anchors(path: Path) -> set[str]:
    """What a link's ``#...`` may name in a document, as GitHub makes it of a heading."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", DOCUMENTS, ids=identity)
def test_links_lead_somewhere(path: Path) -> None:
    wrong = []
    for link in LINK.findall(texts(path)):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            wrong.append(link)
    assert not wrong


def resolves(dotted: str) -> bool:
    """Whether ``smartmask.a.b.c`` is a module or something in one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for name in parts[count:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


@pytest.mark.parametrize("path", [*DOCUMENTS, *PROGRAMS], ids=identity)
def test_modules_and_what_is_in_them_exist(path: Path) -> None:
    """``smartmask.scene.Scene``, and ``panoptic.merge_queries`` for short."""
    wrong = []
    for span in spans(texts(path)):
        if re.fullmatch(r"smartmask(\.\w+)+", span) and not resolves(span):
            wrong.append(span)
        short = re.fullmatch(r"([a-z_]+)\.([A-Za-z_]\w+)(?:\(.*\))?", span)
        if (
            short
            and short[1] in STEMS
            and short[1] not in VARIABLES
            and short[2] not in ("py", "md", "json", "jsonl", "png", "parquet", "csv", "xml", "ts")
        ):
            homes = [other.read_text(encoding="utf-8") for other in SOURCE.rglob(f"{short[1]}.py")]
            if not any(re.search(rf"\b{short[2]}\b", home) for home in homes):
                wrong.append(span)
    assert not wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=identity)
def test_python_in_documents_imports_what_there_is(path: Path) -> None:
    wrong = []
    for block in blocks(path):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "smartmask":
                named = [f"{node.module}.{alias.name}" for alias in node.names]
                wrong += [name for name in named if not resolves(name)]
    assert not wrong


def blocks(path: Path) -> list[str]:
    """The Python snippets of a document, in order."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


def unmade(block: str) -> set[str]:
    """Names that a snippet reads and never makes: a reader who copies it gets a NameError."""
    scope = symtable.symtable(block, "snippet", "exec")
    scopes = [scope]
    for one in scopes:
        scopes += one.get_children()
    made = {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    read = {s.get_name() for one in scopes for s in one.get_symbols() if s.is_referenced() and s.is_global()}
    read |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_referenced()}
    return {name for name in read - made if not hasattr(builtins, name)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=identity)
def test_python_in_documents_makes_the_names_it_uses(path: Path) -> None:
    """Each snippet by itself, as readers copy it."""
    assert {name for block in blocks(path) for name in unmade(block)} == set()


# What a reader's machine has and this one may not: weights to be fetched, a GPU, a running service
ABSENT = re.compile(r"path/to/|http://127|RUN/|cuda|from_pretrained\(\"")
RUNNABLE = [(path, at) for path in DOCUMENTS for at, block in enumerate(blocks(path)) if not ABSENT.search(block)]


@pytest.mark.parametrize(("path", "number"), RUNNABLE, ids=[f"{identity(path)}-{number}" for path, number in RUNNABLE])
def test_python_in_documents_runs(path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bundled weights and the examples' files, from the repository's folder."""
    monkeypatch.chdir(ROOT)
    exec(compile(blocks(path)[number], f"{identity(path)}, snippet {number}", "exec"), {"__name__": "snippet"})


def test_snippets_that_are_run_are_some() -> None:
    assert {identity(path) for path, _ in RUNNABLE} >= {"README.md", "docs/planner.md"}
    assert unmade("from a import b\nb(c, len([d for d in e]))\ndef f(x):\n    return x + g\n") == {"c", "e", "g"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("masks photo.png --boxx 1,2,3,4", "'masks' has no --boxx"),
        ("eval networks --data x", "no command 'eval networks'"),
        ("paint x", "no command 'paint'"),
        ("eval masks --guidance box --data PACK", None),
    ],
)
def test_the_checks_can_fail(words: str, says: str | None) -> None:
    assert (wrong_in(words) or "") == "" if says is None else says in str(wrong_in(words))
    assert not exists("data/nowhere.py", ROOT / "README.md")
    assert resolves("smartmask.scene.Scene.from_image")
    assert not resolves("smartmask.diffusion.heun")
