"""A desk of one's own in a browser: the printed address, a restart, and the page System."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from browser import ENTER, LOCAL, WAIT, Watch, entered, free_port, served, serving
from stage import match, question, stage

from arena.desk import identity
from arena.store import Store
from ui.serve import command


def test_the_printed_address_lets_a_browser_in_for_good_and_leaves_the_bar(
    chromium: Any, tmp_path: Path
) -> None:
    path, port = tmp_path / "s.db", free_port()
    stage(path, [match(question(0))]).close()
    words = command(path, "Ada", port=port)
    with serving(words, port) as url:
        ada, other = Watch(chromium, url), Watch(chromium, url)
        ada.open("/judge")
        ada.sees("Open the printed address")
        ada.open(f"{ENTER}x")
        ada.sees("Open the printed address")
        assert ada.context.cookies() == [] and ada.frames == []
        ada.open(ENTER)
        ada.button("Continue")
        assert ada.page.url == f"{url}/" and LOCAL not in ada.page.evaluate("document.referrer")
        (cookie,) = (one for one in ada.context.cookies() if one["name"].startswith("arena_"))
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
        assert cookie["name"] not in ada.page.evaluate("document.cookie")
        ada.page.reload()
        ada.button("Continue")
        assert LOCAL.encode() not in ada.wire()
        other.open("/")
        other.sees("Open the printed address")
        other.close()
    with serving(words, port):  # the owner starts it again: the tab goes on
        ada.page.reload()
        ada.button("Continue").click()
        ada.sees("Before you read")
        ada.page.go_back()
        ada.button("Continue")
    assert ada.wrong() == []
    ada.close()


def test_from_the_page_people_to_a_second_device_that_is_signed_out(
    chromium: Any, tmp_path: Path
) -> None:
    """A role that is changed at one browser ends what is open at another."""
    path = tmp_path / "s.db"
    stage(path, [match(question(0))]).close()
    admin, token = entered(path, "Carol", "admin"), entered(path, "Ada")
    with served(path) as url:
        carol, ada = Watch(chromium, url, admin), Watch(chromium, url, token)
        ada.open("/")
        ada.button("Continue")
        carol.open("/people")
        carol.sees("One person")
        carol.settle()
        carol.page.get_by_role("combobox", name="May be here as").click()
        carol.page.get_by_role("option", name="researcher: reads everything, and exports").click()
        carol.sees("The role is changed. Signed out on 1 device.")
        ada.button("Continue").click()
        ada.sees("You are signed out")
        assert carol.wrong() == ada.wrong() == []
        carol.close()
        ada.close()


def test_an_admin_sees_sessions_ends_one_and_takes_a_backup(chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    stage(path, [match(question(0))]).close()
    admin, token = entered(path, "Carol", "admin"), entered(path, "Ada")
    with served(path) as url:
        carol, ada = Watch(chromium, url, admin), Watch(chromium, url, token)
        ada.open("/")
        ada.button("Continue")
        carol.open("/system")
        carol.sees("Signed in now")
        carol.settle()
        with carol.page.expect_download(timeout=WAIT) as waited:
            carol.page.get_by_role("button", name="Download a backup").click()
        data = Path(waited.value.path()).read_bytes()
        assert data.startswith(b"SQLite format 3\0")
        assert carol.page.url == f"{url}/system"
        copy = tmp_path / "copy.db"
        copy.write_bytes(data)
        with Store(copy) as store:
            assert identity.signed_in(store, token) is not None
        carol.button("End this session").click()  # Ada's: the newest
        carol.sees("The session is ended")
        ada.button("Continue").click()
        ada.sees("You are signed out")
        assert carol.wrong() == ada.wrong() == []
        carol.close()
        ada.close()
