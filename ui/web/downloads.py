"""Exports, reports and backups as files: made when they are asked for, by whoever is signed in then
and may have them.

An endpoint of the desk's own. A file that Streamlit serves has an address that anybody can open
who knows it; here the session is looked at for every download, nothing is kept on the server, and
each one is an event. It is a POST from a page of this origin, so no link and no prefetch of a
mail scanner or of another site makes one.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast, get_args
from urllib.parse import urlencode

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from arena.desk import export as exports
from arena.desk.backup import backup as copy_store
from arena.desk.codebook import ON_REQUEST
from arena.desk.events import EVENT, event
from arena.desk.identity import ADMIN, RESEARCHER, Person
from arena.ids import content_id
from arena.report import Sample
from arena.store import Store, StoreError
from ui.serve import Arguments
from ui.web import reports, signin_page
from ui.web.reports import Asked
from ui.web.routes import form

PATH = "/export"
REPORT = "/report"
BACKUP = "/backup"
FORMS = {"html": "HTML", "markdown": "Markdown", "json": "JSON"}
"""As what a report can be had."""
_TYPES = {
    "html": ("text/html; charset=utf-8", "html"),
    "markdown": ("text/markdown; charset=utf-8", "md"),
    "json": ("application/json", "json"),
}
READERS = (RESEARCHER, ADMIN)
CHUNK = 1 << 20


def token(run: str) -> str:
    """What stands for a run in an address: of its name, and not the name itself."""
    return content_id("f", ["run", run])[:13]


def path_of(run: str, kind: str, truth: bool = False, names: bool = False) -> str:
    """The path that a form posts to for an export of a run; ``kind`` is the format."""
    wanted = {"truth": truth, "names": names}
    more = ",".join(one for one in ON_REQUEST if wanted.get(one))
    query = {"run": token(run), "to": kind, **({"with": more} if more else {})}
    return f"{PATH}?{urlencode(query, safe=',')}"


def report_path(asked: Asked, form: str) -> str:
    """The path that a form posts to for a report."""
    query = {"run": token(asked.run), "as": form}
    query |= {} if asked.sample == "paper" else {"sample": asked.sample}
    query |= {"unmatched": "1"} if asked.unmatched else {}
    return f"{REPORT}?{urlencode(query)}"


def downloads(args: Arguments) -> list[Route]:
    """The routes for files, over the store that ``args`` names; they belong behind the gate."""
    files = Downloads(args)
    return [
        Route(PATH, form(files.export), methods=["POST"]),
        Route(REPORT, form(files.report), methods=["POST"]),
        Route(BACKUP, form(files.backup), methods=["POST"]),
    ]


class Downloads:
    """What the endpoints do, over one store; one file at a time, so that none starves judges."""

    def __init__(self, args: Arguments) -> None:
        self.args = args
        self.turn = asyncio.Semaphore(1)

    async def export(self, request: Request, given: Mapping[str, str]) -> Response:
        """An export as a ZIP file, or a page that says why there is none."""
        person: Person | None = getattr(request.state, "person", None)
        if person is None:
            return _no(401, "Sign in first", "Exports are for people of this desk.")
        if person.role not in READERS:
            return _no(403, "Not for you", "Exports are for researchers and admins.")
        asked = request.query_params
        kind = next((one for one in get_args(exports.Kind) if one == asked.get("to")), None)
        more = [one for one in asked.get("with", "").split(",") if one]
        if kind is None or any(one not in ON_REQUEST for one in more):
            return _no(400, "No such export", "Choose the format on the page Data, and try again.")
        async with self.turn:
            made = await run_in_threadpool(self._make, person, asked.get("run", ""), kind, more)
        if made is None:
            return _no(404, "No such run", "This store has no run of that name (any more).")
        name, data = made
        return StreamingResponse(
            _parts(data), media_type="application/zip",
            headers={"content-disposition": f'attachment; filename="{name}"',
                     "content-length": str(len(data))},
        )  # fmt: skip

    def _make(
        self, person: Person, wanted: str, kind: exports.Kind, more: list[str]
    ) -> tuple[str, bytes] | None:
        """The file and its name, with an event: what is not on record is not given out."""
        with Store(self.args.store) as store:
            run = _run(store, wanted)
            if run is None:
                return None
            data = exports.archive(store, run, kind, truth="truth" in more, names="names" in more)
            value = {"run": run, "format": kind, "with": sorted(more), "bytes": len(data)}
            noted = event("exported", person.id, time.time(), value=value)
            store.execute({EVENT: [noted]}, full=True)
        return f"{plain(run)}-{kind}.zip", data

    async def report(self, request: Request, given: Mapping[str, str]) -> Response:
        """The report of a run as one file, or a page that says why there is none."""
        person: Person | None = getattr(request.state, "person", None)
        if person is None:
            return _no(401, "Sign in first", "Reports are for people of this desk.")
        if person.role not in READERS:
            return _no(403, "Not for you", "Reports are for researchers and admins.")
        query = request.query_params
        form, sample = query.get("as", ""), query.get("sample", "paper")
        if form not in FORMS or sample not in get_args(Sample):
            return _no(400, "No such report", "Choose a file on the page Studies, and try again.")
        asked = Asked(query.get("run", ""), cast(Sample, sample), query.get("unmatched") == "1")
        async with self.turn:
            try:
                made = await run_in_threadpool(self._written, person, asked, form)
            except StoreError:
                return _no(409, "No report", "The page Studies says why there is none.")
        if made is None:
            return _no(404, "No such run", "This store has no run of that name (any more).")
        name, data = made
        kind, end = _TYPES[form]
        return Response(
            data, media_type=kind,
            headers={"content-disposition": f'attachment; filename="{name}-report.{end}"'},
        )  # fmt: skip

    def _written(self, person: Person, asked: Asked, form: str) -> tuple[str, bytes] | None:
        """The report as the store is now, with an event; the run is named by its token."""
        with Store(self.args.store) as store:
            run = _run(store, asked.run)
            if run is None:
                return None
            found = reports.current(store, self.args.store, replace(asked, run=run)).value
            data = reports.written(found, form).encode()
            value = {"run": run, "format": f"report, {form}", "bytes": len(data)}
            noted = event("exported", person.id, time.time(), value=value)
            store.execute({EVENT: [noted]}, full=True)
        return plain(run), data

    async def backup(self, request: Request, given: Mapping[str, str]) -> Response:
        """The whole store as a file, for an admin, or a page that says why there is none."""
        person: Person | None = getattr(request.state, "person", None)
        if person is None:
            return _no(401, "Sign in first", "Backups are for admins of this desk.")
        if person.role != ADMIN:
            return _no(403, "Not for you", "Backups are for admins.")
        async with self.turn:
            file, size = await run_in_threadpool(self._copy, person)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        name = f"{plain(self.args.store.stem)}-{stamp}.db"
        return StreamingResponse(
            _read(file), media_type="application/vnd.sqlite3",
            headers={"content-disposition": f'attachment; filename="{name}"',
                     "content-length": str(size)},
            background=BackgroundTask(file.close),
        )  # fmt: skip

    def _copy(self, person: Person) -> tuple[BinaryIO, int]:
        """A copy that has no name any more, so that nothing is left of it, and its bytes. The event
        comes first, and is in the copy."""
        with Store(self.args.store) as store:
            noted = event("backup", person.id, time.time(), value={"to": "download"})
            store.execute({EVENT: [noted]}, full=True)
        beside = self.args.store.absolute().parent
        try:
            with tempfile.TemporaryDirectory(prefix=".arena-backup-", dir=beside) as folder:
                size = copy_store(self.args.store, Path(folder) / "copy.db")
                return (Path(folder) / "copy.db").open("rb"), size
        except OSError as error:
            raise StoreError(f"no copy could be made beside the store: {error}") from None


def _run(store: Store, wanted: str) -> str | None:
    """The run that a token stands for."""
    rows = store.query("SELECT name FROM runs")
    return next((row["name"] for row in rows if token(row["name"]) == wanted), None)


def plain(name: str) -> str:
    """A run's name as part of a file's name: letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:80] or "run"


def _parts(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for at in range(0, len(data), CHUNK):
        yield bytes(view[at : at + CHUNK])


def _read(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(CHUNK):
        yield part


def _no(status: int, title: str, text: str) -> Response:
    return HTMLResponse(signin_page.refusal(title, text, status == 401), status)
