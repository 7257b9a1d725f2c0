"""The routes: requests of the table, jobs, files, sessions, and what the service tells of itself."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from smartmask.studio.answers import view
from smartmask.studio.inputs import check_name
from smartmask.studio.intake import header, read_body, read_upload
from smartmask.studio.refused import CancelledError, RefusedError, refusal_of
from smartmask.studio.sessions import Session
from smartmask.studio.tasks.service import Call, Service
from smartmask.studio.tasks.table import SERVICES
from smartmask.studio.work import Job, remember

SESSION_HEADER = "x-smartmask-session"
COOKIE = "smartmask_session"
STREAM = "text/event-stream"
_LOOK = 0.5  # seconds between looks whether whoever asked is still there


def add(app: FastAPI) -> None:
    """All routes of the service."""
    for service in SERVICES:
        app.add_api_route(f"/v1/{service.name}", _route_of(service), methods=["POST"], name=service.name)
    for path, method, call in (
        ("/v1/sessions", "POST", begin_session), ("/v1/session", "DELETE", end_session),
        ("/v1/files", "POST", upload), ("/v1/files", "GET", list_files),
        ("/v1/files/{number}", "GET", get_file), ("/v1/files/{number}", "DELETE", delete_file),
        ("/v1/jobs/{number}", "GET", get_job), ("/v1/jobs/{number}/events", "GET", follow_job),
        ("/v1/jobs/{number}", "DELETE", cancel_job),
        ("/v1/models", "GET", models), ("/v1/names", "GET", names),
        ("/healthz", "GET", healthy), ("/readyz", "GET", ready), ("/metrics", "GET", metrics),
    ):  # fmt: skip
        app.add_api_route(path, call, methods=[method], name=call.__name__)


# --- sessions --------------------------------------------------------------------------------------


def _session(request: Request) -> Session | None:
    """The session of the request's header or cookie. Raises RefusedError, 404, for one that has ended."""
    token = header(request, SESSION_HEADER) or request.cookies.get(COOKIE)
    if token is None:
        return None
    found: Session | None = request.app.state.studio.sessions.find(token)
    if found is None:
        raise RefusedError(404, "no_session", "The session has ended; begin another with POST /v1/sessions.")
    return found


def _needed(request: Request) -> Session:
    found = _session(request)
    if found is None:
        raise RefusedError(401, "no_session", "This needs a session; begin one with POST /v1/sessions.")
    return found


async def begin_session(request: Request) -> Response:
    """Begins a session: a folder for pictures and answers, reached by its secret alone, gone when it ends."""
    session = await _begun(request)
    minutes = request.app.state.studio.settings.session_minutes
    answer = JSONResponse({"session": session.token, "minutes": minutes}, 201)
    answer.set_cookie(COOKIE, session.token, httponly=True, samesite="strict", path="/",
                      secure=request.url.scheme == "https")  # fmt: skip
    return _counted(request, answer)


async def _begun(request: Request) -> Session:
    session: Session = await run_in_threadpool(request.app.state.studio.sessions.begin)
    return session


async def end_session(request: Request) -> Response:
    """Ends the session at once; its files are deleted."""
    await run_in_threadpool(request.app.state.studio.sessions.end, _needed(request).token)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/")
    return _counted(request, answer)


# --- files -----------------------------------------------------------------------------------------


async def upload(request: Request) -> Response:
    """Keeps a picture in the session: a raw body, or a form with one file."""
    session = _needed(request)
    stored = await read_upload(request, session, check_name(request.query_params.get("name", "picture")))
    return _counted(request, JSONResponse(stored.described(), 201, {"Location": f"/v1/files/{stored.id}"}))


async def list_files(request: Request) -> Response:
    """The files of the session."""
    files = [stored.described() for stored in list(_needed(request).files.values())]
    return _counted(request, JSONResponse({"files": files}))


async def get_file(request: Request, number: str) -> Response:
    """A file of the session; ``?side=2048``: a picture made smaller for looking at, upright."""
    session = _needed(request)
    stored, side = session.file(number), request.query_params.get("side")
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    if side is None:
        shown = FileResponse(stored.path, media_type=stored.media, filename=stored.name, headers=headers)
        return _counted(request, shown)
    if not side.isdecimal() or not 16 <= int(side) <= 16_384:
        raise ValueError(f"The side {side[:20]!r} is no number of pixels; give 16 to 16384.")
    media, data = await run_in_threadpool(view, stored, int(side))
    return _counted(request, Response(data, media_type=media, headers=headers))


async def delete_file(request: Request, number: str) -> Response:
    """Deletes a file of the session."""
    await run_in_threadpool(_needed(request).forget, number)
    return _counted(request, Response(status_code=204))


# --- requests and jobs -----------------------------------------------------------------------------


def _route_of(service: Service) -> Any:
    async def route(request: Request) -> Response:
        studio = request.app.state.studio
        found = _session(request)
        waits = "respond-async" in (header(request, "prefer") or "")
        if waits and found is None:
            raise RefusedError(401, "no_session", "A job needs a session; begin one with POST /v1/sessions.")
        # without one, a session of this request alone
        session = found if found is not None else await _begun(request)
        try:
            job = await _job_of(request, service, session, alone=found is None)
            if waits:
                where = {"Location": f"/v1/jobs/{job.id}"}
                return _counted(request, JSONResponse(job.described(), 202, where))
            if STREAM in (header(request, "accept") or ""):
                return _stream(request, job, end=session.token if found is None else "")
            await _finished(request, job)
        except BaseException:
            if found is None:
                await run_in_threadpool(studio.sessions.end, session.token)
            raise
        if found is None:
            await run_in_threadpool(studio.sessions.end, session.token)
        if job.refusal is not None:
            raise job.refusal
        return _counted(request, JSONResponse(job.result))

    route.__doc__ = service.summary
    return route


async def _job_of(request: Request, service: Service, session: Session, alone: bool) -> Job:
    """The job of a request, queued; or that of an earlier request with the same idempotency key."""
    studio = request.app.state.studio
    body, inputs, raw = await read_body(request, service, session)
    if alone and "inline" in type(body).model_fields:
        body = body.model_copy(update={"inline": True})  # files of a session that ends could not be fetched
    key = header(request, "idempotency-key")
    digest = hashlib.sha256(f"{service.name}:".encode() + raw).hexdigest()
    with session.lock:
        if key is not None and key in session.answers:
            known, job = session.answers[key]
            if known != digest:
                raise RefusedError(422, "key_used", "The idempotency key was used for another request; take a new one.")
            return job
        most = studio.settings.masks
        if getattr(body, "num_masks", 0) > most:
            raise ValueError(f"The request asks for {getattr(body, 'num_masks', 0)} masks; this service gives {most}.")

        def work(job: Job) -> dict[str, Any]:
            try:
                return service.run(Call(studio.engine, inputs, job), body)
            except CancelledError:
                raise
            except Exception as error:
                refused = refusal_of(error)
                refused.sentence = inputs.named(refused.sentence)
                raise refused from error

        job = Job(service.name, work, studio.settings.seconds, studio.measures.finished)
        studio.workers.add(job)
        remember(session.jobs, job)
        if key is not None:
            session.answers[key] = digest, job
    return job


async def _finished(request: Request, job: Job) -> None:
    """Until the job has ended; it is cancelled if whoever asked has gone."""
    waiting = asyncio.create_task(job.wait())
    try:
        while not (await asyncio.wait({waiting}, timeout=_LOOK))[0]:
            if await request.is_disconnected():
                job.cancel("Whoever asked has gone.")
    finally:
        waiting.cancel()


def _stream(request: Request, job: Job, end: str = "") -> Response:
    """The job's events as server-sent events. end: a session that ends with them."""

    async def told() -> AsyncIterator[str]:
        try:
            async for name, data in job.events():
                yield f"event: {name}\ndata: {json.dumps(data)}\n\n" if name else ": still at work\n\n"
        finally:
            if end:
                job.cancel("Whoever asked has gone.")
                await run_in_threadpool(request.app.state.studio.sessions.end, end)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return _counted(request, StreamingResponse(told(), media_type=STREAM, headers=headers))


def _known_job(request: Request, number: str) -> Job:
    job: Job | None = _needed(request).jobs.get(number)
    if job is None:
        raise RefusedError(404, "no_job", f"There is no job '{number[:40]}' in this session.")
    return job


async def get_job(request: Request, number: str) -> Response:
    """How far a job is, and its result once it has one."""
    return _counted(request, JSONResponse(_known_job(request, number).described()))


async def follow_job(request: Request, number: str) -> Response:
    """A job's progress and result as server-sent events."""
    return _stream(request, _known_job(request, number))


async def cancel_job(request: Request, number: str) -> Response:
    """Asks a job to stop; it does so at its next step."""
    job = _known_job(request, number)
    job.cancel()
    return _counted(request, JSONResponse(job.described(), 202))


# --- what the service tells of itself --------------------------------------------------------------


async def models(request: Request) -> Response:
    """The models that this service offers."""
    return _counted(request, JSONResponse(request.app.state.studio.engine.models()))


async def names(request: Request) -> Response:
    """Names that begin with, or hold, the text ``q``, best known first; and how the whole text would be read."""
    typed, count = request.query_params.get("q", ""), request.query_params.get("limit", "10")
    if not count.isdecimal() or not 1 <= int(count) <= 100:
        raise ValueError(f"The limit {count[:20]!r} is no number from 1 to 100.")
    return _counted(request, JSONResponse(await run_in_threadpool(_completed, request, typed[:200], int(count))))


def _completed(request: Request, typed: str, count: int) -> dict[str, Any]:
    text = request.app.state.studio.engine.pipeline.text
    typed = " ".join(typed.lower().split())
    known = text.names()
    first = [name for name in known if name.startswith(typed)]
    inside = [name for name in known if f" {typed}" in name]
    found = list(dict.fromkeys([*first, *inside]))[:count]
    if not typed:
        return {"names": found, "read_as": None, "note": None}
    meaning = text.understand(typed)
    return {"names": found, "read_as": meaning.name, "note": meaning.warning}


async def healthy() -> Response:
    """Whether the process answers."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """Whether the mask model is loaded."""
    studio = request.app.state.studio
    good = studio.engine.is_ready
    return JSONResponse({"status": "ready" if good else "loading"}, 200 if good else 503)


async def metrics(request: Request) -> Response:
    """Figures in Prometheus' form."""
    measures = request.app.state.studio.measures
    return Response(measures.text(), media_type=measures.content_type)


def _counted(request: Request, answer: Response) -> Response:
    path = getattr(request.scope.get("route"), "path", "other")
    request.app.state.studio.measures.answered(path, answer.status_code)
    return answer
