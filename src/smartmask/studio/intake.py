"""From a request to a body and its files: JSON, forms with pictures, raw uploads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from smartmask.io.json_text import parse_json
from smartmask.io.limits import LIMITS, MEGABYTE
from smartmask.io.settings import Settings
from smartmask.studio.inputs import Inputs, keep_picture
from smartmask.studio.refused import RefusedError
from smartmask.studio.sessions import Session, StoredFile
from smartmask.studio.tasks.service import Service

REQUEST = "request"  # the part of a form that holds the JSON
_PARTS = 64


async def read_body(request: Request, service: Service, session: Session) -> tuple[Settings, Inputs, bytes]:
    """``(body, inputs, raw)`` of a request; its form's files belong to the session. raw: what tells it from others.

    Raises RefusedError, 4xx, in one sentence.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    inputs = Inputs(session)
    if kind == "application/json":
        data = await request.body()
    elif kind == "multipart/form-data":
        data = await _read_form(request, inputs)
    else:
        raise RefusedError(
            415, "media_type", f"The content is {kind or 'of no type'}; send application/json or a form."
        )
    return _body_of(service, data, inputs), inputs, data


def _body_of(service: Service, data: bytes, inputs: Inputs) -> Settings:
    if len(data) > LIMITS.json_mb * MEGABYTE:
        raise RefusedError(413, "too_large", f"The request's JSON has more than {LIMITS.json_mb} MB; upload pictures.")
    values = parse_json(data or b"{}", "The request", unique=True)
    if not isinstance(values, dict):
        raise ValueError("The request is not an object; send a JSON object.")
    for name in service.pictures:
        if name in inputs.parts and name not in values:
            values[name] = f"part:{name}"
    return service.body.of(**values)


async def _read_form(request: Request, inputs: Inputs) -> bytes:
    """The JSON of a form; its files go to ``inputs.parts``."""
    most = LIMITS.json_mb * MEGABYTE
    try:
        form = await request.form(max_files=_PARTS, max_fields=_PARTS, max_part_size=most)
    except MultiPartException as error:
        raise RefusedError(400, "bad_form", f"The form cannot be read ({error.message.rstrip('.')}).") from error
    data = b"{}"
    try:
        for name, value in form.multi_items():
            if name == REQUEST:
                data = await value.read() if isinstance(value, UploadFile) else value.encode()
            elif isinstance(value, UploadFile):
                inputs.parts[name] = await run_in_threadpool(_keep, inputs.session, value)
            else:
                raise ValueError(f"The form has the field '{name[:40]}'; put settings into '{REQUEST}', as JSON.")
    finally:
        await form.close()
    return data


def _keep(session: Session, upload: UploadFile) -> StoredFile:
    with session.writing("") as (path, handle):
        while piece := upload.file.read(MEGABYTE):
            handle.write(piece)
        handle.flush()
        return keep_picture(session, path, upload.filename or "picture")


async def read_upload(request: Request, session: Session, name: str) -> StoredFile:
    """The file of a raw body, or of a form's only file, as one of the session's."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        inputs = Inputs(session)
        await _read_form(request, inputs)
        if len(inputs.parts) != 1:
            raise ValueError(f"The form has {len(inputs.parts)} files; send one.")
        return next(iter(inputs.parts.values()))
    path: Path
    with session.writing("") as (path, handle):
        try:
            async for piece in request.stream():
                handle.write(piece)
        except ClientDisconnect as error:
            raise RefusedError(400, "cut_off", "The upload was cut off; send it again.") from error
        handle.flush()
        return await run_in_threadpool(keep_picture, session, path, name)


def header(request: Request, name: str, most: int = 200) -> str | None:
    """A header's text. Raises ValueError for one that is too long."""
    value: Any = request.headers.get(name)
    if value is not None and len(value) > most:
        raise ValueError(f"The header {name} has {len(value)} characters; at most {most} are read.")
    return value
