"""Administration in a real browser: somebody is invited, joins, is given debates, finds them."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from doorway import free_port
from office import HOSTILE, SECRET
from stage import match, question, stage

from arena.desk import export, identity, passcodes
from arena.store import Store
from ui.serve import command
from ui.web.gate import COOKIE

WAIT = 90_000  # milliseconds; the machine may be busy


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The address of a desk with a sign-in."""
    port = free_port()
    process = subprocess.Popen(
        command(path, port=port, local=False),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(400):
            try:
                with urllib.request.urlopen(f"{url}/healthz") as reply:
                    if reply.status == 200:
                        break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail("the desk did not start")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


class Tab:
    """A browser of somebody's own, and what must never happen in it."""

    def __init__(self, chromium: Any, url: str, token: str | None = None, **more: Any) -> None:
        size = more.pop("viewport", {"width": 1300, "height": 1100})
        context = chromium.new_context(viewport=size, accept_downloads=True, **more)
        if token is not None:
            context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
        self.page, self.url = context.new_page(), url
        self.page.set_default_timeout(WAIT)
        self.outside: list[str] = []
        self.troubles: list[str] = []
        own = (url, url.replace("http", "ws", 1), "data:", "blob:")
        self.page.on(
            "request", lambda r: None if r.url.startswith(own) else self.outside.append(r.url)
        )
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))

    def open(self, path: str, text: str) -> None:
        self.page.goto(self.url + path)
        self.sees(text)

    def sees(self, text: str) -> Any:
        found = self.page.get_by_text(text).first
        found.wait_for(timeout=WAIT)
        return found

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def clean(self) -> bool:
        return not self.outside and not self.troubles


def entered(path: Path, name: str, role: str) -> str:
    """Somebody who has joined and set a passcode; the token of their session."""
    with Store(path) as store:
        found = identity.accept(store, identity.invite(store, name, role))
        assert found is not None
        passcodes.set_passcode(store, found[0].id, SECRET, keep=found[1])
        return found[1]


def test_somebody_is_invited_joins_and_finds_what_was_planned(
    tmp_path: Path, chromium: Any
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(n, f"story {n}")) for n in range(3)]).close()
    carol = entered(path, "Carol", "admin")
    with Store(path) as store:
        identity.invite(store, HOSTILE)
    with served(path) as url:
        admin = Tab(chromium, url, carol)
        admin.open("/people", "One person")
        admin.page.get_by_label("Name", exact=True).fill("Dora")
        admin.click("Make a link")
        admin.sees("Copy it now: it is not shown again.")
        link = admin.page.locator(".st-key-once code").inner_text().strip()
        assert link.startswith(f"{url}/join/")

        dora = Tab(chromium, url)
        dora.page.goto(link)
        dora.sees("This link signs in")
        dora.page.get_by_role("button", name="Continue").click()
        dora.sees("You: 0 of 3")  # whatever nobody has planned is open to everybody
        admin.page.reload()
        admin.sees("One person")
        assert admin.page.get_by_text("not shown again").count() == 0

        admin.open("/assignments", "Judges for each debate")
        admin.page.get_by_label("Most debates per person").fill("1")
        admin.click("Preview")
        admin.sees("Not as it was asked for (1):")
        admin.click("Commit this plan")
        admin.click("Yes, commit")
        admin.sees("Places that are planned now: 2.")

        dora.page.reload()
        dora.sees("You: 0 of 1")
        dora.page.get_by_role("button", name="Continue").first.click()
        dora.sees("Before you read")

        dora.page.goto(f"{url}/people")  # the address leads a judge nowhere
        dora.page.get_by_role("button", name="Continue").first.wait_for(timeout=WAIT)
        assert dora.page.get_by_text("One person").count() == 0

        admin.page.get_by_text("Places", exact=True).first.click()
        admin.sees("Select rows to take places back")
        assert admin.clean() and dora.clean()


def test_an_export_comes_as_a_file_and_leaves_the_page_where_it_is(
    tmp_path: Path, chromium: Any
) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0))], name=HOSTILE).close()
    rita = entered(path, "Rita", "researcher")
    with served(path) as url:
        tab = Tab(chromium, url, rita)
        tab.open("/data", "Codebook")
        assert tab.page.get_by_text("Import", exact=True).count() == 0
        tab.page.get_by_text("True answers").click()
        tab.sees("Whoever has the files has these.")
        with tab.page.expect_download(timeout=WAIT) as waited:
            tab.page.get_by_role("button", name="Download", exact=True).click()
        data = Path(waited.value.path()).read_bytes()
        with Store(path) as store:
            assert data == export.archive(store, HOSTILE, "jsonl", truth=True)
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            assert "truth.jsonl" in packed.namelist() and "names.jsonl" not in packed.namelist()
        assert tab.page.url.startswith(f"{url}/data") and tab.clean()
        with Store(path) as store:
            identity.set_role(store, identity.named(store, "Rita").id, "judge")
        tab.page.get_by_role("button", name="Download", exact=True).click()
        tab.sees("You are signed out")
