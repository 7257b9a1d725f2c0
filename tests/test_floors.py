"""One house: every import goes down or stays on its floor, nothing goes in circles; and starting up stays light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "smartmask"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# From the ground up: a module imports from its own floor and those below it, lazily or not. "smartmask" is the
# package's own __init__, which names what users import; nothing imports it.
FLOORS = (
    "errors", "io", "networks", "geometry", "metrics", "image", "scene", "guides", "text", "export", "data", "masks",
    "insertion", "plan", "train", "evaluate", "batch", "studio", "cli", "__main__", "smartmask",
)  # fmt: skip
RANK = {floor: rank for rank, floor in enumerate(FLOORS)}
# What a user's call never needs: data sets are for training and judging.
RUN_TIME = ("networks", "scene", "guides", "text", "export", "masks", "insertion", "plan")

# What a bundled run goes through, and the packages (by import name) that it may load.
ENTRANCES = ("smartmask", "smartmask.cli.main", "smartmask.__main__", "smartmask.masks.pipeline")
IMPORT_NAMES = {"opencv-python-headless": "cv2", "pillow": "PIL", "huggingface-hub": "huggingface_hub",
                "prometheus-client": "prometheus_client", "pyyaml": "yaml"}  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One imported module. lazy: inside a function. typing: for type checkers only."""

    module: str
    line: int
    lazy: bool
    typing: bool


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports_of(path: Path) -> list[Import]:
    """Every import of a file; ``from a import b`` counts as ``a.b`` where that is a module of ours."""
    found: list[Import] = []

    def visit(node: ast.AST, lazy: bool, typing: bool) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            lazy = True
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                visit(statement, lazy, True)
            for statement in node.orelse:
                visit(statement, lazy, typing)
            return
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, lazy, typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} has a relative import; write the full name"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.append(Import(name if name in MODULES else str(node.module), node.lineno, lazy, typing))
        for child in ast.iter_child_nodes(node):
            visit(child, lazy, typing)

    visit(ast.parse(path.read_text(encoding="utf-8")), False, False)
    return found


def part(module: str) -> str:
    """The entry of FLOORS that a module belongs to: ``smartmask.data.pairs`` -> ``data``."""
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else pieces[0]


def test_every_module_has_its_floor() -> None:
    missing = sorted({part(module) for module in MODULES} - set(RANK))
    assert not missing, f"give {missing} a floor"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """Every import, also one inside a function or for type checkers only."""
    here = part(module)
    wrong = [
        f"line {item.line}: {item.module}"
        for item in imports_of(MODULES[module])
        if top(item) == "smartmask" and RANK[part(item.module)] > RANK[here]
    ]
    assert not wrong, f"{module} imports from a floor above ({', '.join(wrong)})"


@pytest.mark.parametrize("floor", RUN_TIME)
def test_a_users_call_needs_no_data_sets(floor: str) -> None:
    found = [
        f"{module} line {item.line}"
        for module, path in MODULES.items()
        for item in imports_of(path)
        if part(module) == floor and part(item.module) in ("data", "train") and top(item) == "smartmask"
    ]
    assert not found, f"these take from data/ or train/: {found}"


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        module: {item.module for item in imports_of(path) if item.module in MODULES and item.module != module}
        for module, path in MODULES.items()
    }
    while True:  # what imports nothing that is left can be in no circle
        free = {module for module, found in graph.items() if not found & graph.keys()}
        if not free:
            break
        graph = {module: found for module, found in graph.items() if module not in free}
    left = {module: sorted(found & graph.keys()) for module, found in graph.items()}
    assert not graph, f"in or before a circle: {left}"


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_imported_by_their_names(module: str) -> None:
    """Not by importlib with a text, which no reader and no test can follow."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    hidden = [call for call in calls if call in ("importlib.import_module", "import_module", "__import__")]
    assert not hidden, f"{module} imports by text"


def loaded_with(entrance: str) -> Iterator[tuple[str, Import]]:
    """(module of ours, import) for all that importing ``entrance`` runs at once."""
    seen, waiting = set(), [entrance]
    while waiting:
        module = waiting.pop()
        if module in seen or module not in MODULES:
            continue
        seen.add(module)
        waiting.append(module.rpartition(".")[0])  # a package's __init__ runs before its modules
        for item in imports_of(MODULES[module]):
            if not item.lazy and not item.typing:
                yield module, item
                waiting.append(item.module)


def import_names(requirements: list[str]) -> set[str]:
    """What may be imported with these requirements installed: them, the standard library and ourselves."""
    names = [re.split(r"[<>=!~\[ ]", line)[0] for line in requirements]
    return {IMPORT_NAMES.get(name, name) for name in names} | set(sys.stdlib_module_names) | {"smartmask"}


PACKAGES = sorted(module for module, path in MODULES.items() if path.name == "__init__.py" and module != "smartmask")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_it_is(package: str) -> None:
    """At least two sentences: what comes in and goes out, and what it never does."""
    text = ast.get_docstring(ast.parse(MODULES[package].read_text(encoding="utf-8"))) or ""
    sentences = re.findall(r"[^.]\.(?=\s|$)", text)
    assert len(sentences) >= 2, f"{package} says {text!r}"
    assert "go out" in text or "goes out" in text, f"{package} does not say what goes out"
    assert re.search(r"\b(never|nothing|none|knows nothing|no call)\b", text), (
        f"{package} does not say what it never does"
    )


def test_every_folder_of_modules_is_a_package() -> None:
    bare = sorted({str(path.parent) for path in MODULES.values() if not (path.parent / "__init__.py").exists()})
    bare += [
        str(path) for path in SOURCE.rglob("*/") if list(path.glob("*/*.py")) and not (path / "__init__.py").exists()
    ]
    assert not bare, f"no __init__.py in {bare}"


def top(item: Import) -> str:
    return item.module.split(".")[0]


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_the_bundled_path_loads_runtime_dependencies_only(entrance: str) -> None:
    """Neither diffusers nor transformers, nor anything that ``pip install smartmask`` does not bring."""
    assert entrance in MODULES
    known = import_names(PROJECT["dependencies"])
    foreign = {f"{module}: {item.module}" for module, item in loaded_with(entrance) if top(item) not in known}
    assert not foreign, f"{entrance} loads packages that are no runtime dependency: {sorted(foreign)}"


def test_every_package_used_is_declared() -> None:
    declared = import_names([*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())])
    foreign = {
        f"{m}: {item.module}" for m, path in MODULES.items() for item in imports_of(path) if top(item) not in declared
    }
    assert not foreign, f"pyproject.toml lists neither as a dependency nor in an extra: {sorted(foreign)}"


@pytest.mark.parametrize("module", ["smartmask", "smartmask.cli.main"])
def test_start_up_does_not_load_torch(module: str) -> None:
    heavy = "{'torch', 'diffusers', 'transformers', 'accelerate', 'gradio', 'scipy'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_nothing_uses_torchvision() -> None:
    users = [m for m, path in MODULES.items() if any(top(item) == "torchvision" for item in imports_of(path))]
    assert not users, f"torchvision breaks transformers and diffusers by being there; it is imported in {users}"
