"""Any error as an exit code and one sentence."""

from __future__ import annotations

import re

# package: the extra of this project that brings it
EXTRAS = {"accelerate": "train", "pyarrow": "train", "scipy": "train", "tensorboard": "train", "tqdm": "train"}


def explain(error: Exception) -> tuple[int, str]:
    """``(exit code, one sentence)`` for any error: 2 where the user's input is at fault, else 1."""
    from smartmask.errors import OutOfMemoryError
    from smartmask.io.hub import is_out_of_memory

    code = 1
    if hasattr(error, "format_message"):  # a usage error of typer
        code, text = int(getattr(error, "exit_code", 2)), error.format_message()
        details = getattr(error.__cause__, "errors", None)  # pydantic's own words leave the value out
        text = f"{text.rstrip('.')} (got {details()[0].get('input')!r})" if details else text
    elif isinstance(error, ValueError):
        code, text = 2, str(error)
    elif isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        remedy = f"'smartmask[{EXTRAS[package]}]'" if package in EXTRAS else package
        text = f"This needs the Python package '{error.name}', which is not installed; try pip install {remedy}"
        if package == "smartmask":
            text = f"This installation lacks the module {error.name}; install smartmask again"
    elif isinstance(error, OutOfMemoryError):
        text = str(error)
    elif is_out_of_memory(error):
        detail = str(error).strip().split("\n")[0].rstrip(".")[:200]
        text = "There is not enough memory" + (f" ({detail})" if detail else "")
        text += "; ask for fewer masks at once, or use a smaller picture"
    elif isinstance(error, OSError):
        text = f"{error.strerror or error}" + (f" ('{error.filename}')" if error.filename else "")
    else:
        text = str(error).split("\n")[0][:400] or type(error).__name__
        if not isinstance(error, RuntimeError):
            text = f"{type(error).__name__}: {text}"
        text = f"{text.rstrip('.')} (--debug shows where)"
    text = re.sub(r"\s*[\r\n]+\s*", " ", text.strip()) or type(error).__name__
    return code, text if text.endswith((".", "?", "!")) else text + "."
