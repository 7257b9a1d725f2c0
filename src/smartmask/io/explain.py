"""Any error as an exit code and one sentence. Imported first of all, since nothing can be where memory is short."""

from __future__ import annotations

import re
from errno import ENOMEM

from smartmask.errors import OutOfMemoryError

# package: the extra of this project that brings it
EXTRAS = {"accelerate": "train", "pyarrow": "train", "scipy": "train", "tensorboard": "train", "tqdm": "train",
          "ray": "scale", "webdataset": "scale", "fastapi": "studio", "uvicorn": "studio", "starlette": "studio",
          "multipart": "studio", "prometheus_client": "studio", "psd_tools": "studio"}  # fmt: skip


_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "alloc_failed",
              "failed to map segment", "can't start new thread", "insufficient memory", "bad_alloc")  # fmt: skip


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that memory or address space ran out."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        names, text = {kind.__name__ for kind in type(error).__mro__}, str(error).lower()
        if isinstance(error, MemoryError) or "OutOfMemoryError" in names or getattr(error, "errno", None) == ENOMEM:
            return True
        if {"RuntimeError", "ImportError", "error"} & names and any(words in text for words in _NO_MEMORY):
            return True  # "error" is OpenCV's
        error = error.__cause__ or error.__context__
    return False


def explain(error: BaseException) -> tuple[int, str]:
    """``(exit code, one sentence)`` for any error: 2 where the user's input is at fault, else 1."""
    code = 1
    if type(error).__name__ == "PanicException":  # of a library in Rust; none of its words are for users
        text = "A library ended in a panic, as where there is not enough memory (--debug shows where)"
    elif hasattr(error, "format_message"):  # a usage error of typer
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
