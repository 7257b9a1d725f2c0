"""A layout pack read as a data set, so that it can be looked at with the same commands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from smartmask.data.record import Job, reader


@reader("pack", "a layout pack written by 'smartmask data pack'")
def read_pack(path: Path) -> Iterator[Job]:
    """One job a scene; records keep the source they came from."""
    from smartmask.data.pack import Pack  # needs pyarrow

    pack = Pack(path)
    for index in range(len(pack)):
        yield partial(pack.__getitem__, index)
