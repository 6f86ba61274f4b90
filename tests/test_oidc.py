"""An organisation's login, whole: a provider, the desk as `arena ui` starts it, and a Chromium."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from browser import Watch, free_port, serving

pytest.importorskip(
    "authlib.integrations.starlette_client",
    reason="Authlib and httpx are not installed: pip install '.[oidc]'",
)
from provider import CLIENT, LIES, PASSWORD, Provider, provided

from arena.desk import identity, logins
from arena.store import Store
from ui.web.gate import COOKIE

REPOSITORY = Path(__file__).parents[1]
HTML = {"accept": "text/html"}
PEOPLE: dict[str, dict[str, Any]] = {
    "ada-1": {"email": "ada@id.example", "email_verified": True},
    "bob-2": {"email": "bob@id.example", "email_verified": True},
    "carol-3": {"email": "carol@id.example", "email_verified": False},
}


def words_of(store: Path, port: int) -> list[str]:
    """What somebody types to serve a desk with a sign-in."""
    call = "from ui.cli import main; main()"
    return [sys.executable, "-c", call, "ui", "--store", str(store), "--port", str(port),
            "--sign-in", "--person", "Rita"]  # fmt: skip


def secrets_of(url: str, issuer: str, **changed: str) -> str:
    """The file by which a login is configured."""
    found = {
        "redirect_uri": f"{url}/oauth2callback",
        "cookie_secret": "0123456789abcdef" * 4,
        "client_id": CLIENT,
        "client_secret": PASSWORD,
        "server_metadata_url": f"{issuer}/.well-known/openid-configuration",
        **changed,
    }
    return "[auth]\n" + "".join(f'{name} = "{value}"\n' for name, value in found.items())


@dataclass
class Served:
    url: str
    store: Path
    provider: Provider


@contextmanager
def there(folder: Path) -> Iterator[None]:
    """What is started meanwhile is started in this folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("desk"), free_port()
    url, file = f"http://127.0.0.1:{port}", folder / "s.db"
    with ExitStack() as stack:
        provider = stack.enter_context(provided(PEOPLE))
        (folder / ".streamlit").mkdir()
        (folder / ".streamlit" / "secrets.toml").write_text(secrets_of(url, provider.issuer))
        Store(file).close()
        with there(folder):
            stack.enter_context(serving(words_of(file, port), port))
        yield Served(url, file, provider)


@pytest.fixture
def provider(desk: Served) -> Iterator[Provider]:
    """The provider, which is honest again afterwards; nobody is known at the desk before."""
    with Store(desk.store) as store:
        for table in ("logins", "sessions", "invites"):
            store.execute({f"DELETE FROM {table}": [()]})
        store.execute({"UPDATE people SET revoked_at = NULL, role = 'judge'": [()]})
    yield desk.provider
    desk.provider.lie = ""


def invited(desk: Served, name: str, role: str) -> None:
    with Store(desk.store) as store:
        identity.invite(store, name, role)


# In a browser.


def test_an_invited_address_comes_in_with_its_role_and_again_without_an_invite(
    desk: Served, provider: Provider, chromium: Any
) -> None:
    invited(desk, "ada@id.example", "researcher")
    for visit in range(2):
        ada = Watch(chromium, desk.url)
        ada.open("/")
        ada.page.wait_for_url("**/signin")
        ada.page.get_by_role("link", name="Sign in with your organisation").click()
        ada.page.get_by_role("link", name="ada-1").click()
        ada.sees("Queue")
        assert ada.page.get_by_role("link", name="Debates", exact=True).count() == 1, visit
        ada.open("/you")
        ada.sees("ada@id.example (researcher)")
        kept = {one["name"]: one for one in ada.context.cookies()}
        assert COOKIE in kept and kept[COOKIE]["httpOnly"] and kept[COOKIE]["sameSite"] == "Lax"
        assert not [name for name in kept if name.startswith("_streamlit_user")]
        assert not [one for one in ada.outside if not one.startswith(provider.issuer)]
        ada.close()
    with Store(desk.store) as store:
        (login,) = logins.bound(store)
        assert (login.issuer, login.subject) == (provider.issuer, "ada-1")
        assert identity.session_counts(store) == {login.person: 2}
    asked = provider.asked[-1]
    assert asked["redirect_uri"] == f"{desk.url}/oauth2callback" and len(asked["nonce"]) > 8
    assert provider.refused == []


def test_an_address_that_nobody_invited_is_told_so_in_a_line(
    desk: Served, provider: Provider, chromium: Any
) -> None:
    invited(desk, "ada@id.example", "admin")
    invited(desk, "carol@id.example", "admin")  # whose address nobody has verified
    for who in ("bob-2", "carol-3"):
        tab = Watch(chromium, desk.url)
        tab.open("/signin")
        tab.page.get_by_role("link", name="Sign in with your organisation").click()
        tab.page.get_by_role("link", name=who).click()
        tab.sees("Your login is valid, but nobody has invited it here.")
        names = {one["name"] for one in tab.context.cookies()}
        assert COOKIE not in names and "_streamlit_user" not in names
        tab.open("/people")
        tab.page.wait_for_url("**/signin")
        tab.close()
    with Store(desk.store) as store:
        assert logins.bound(store) == [] and identity.session_counts(store) == {}
        now = [one.state(0) for one in identity.invites(store)]
        assert now == ["open", "open"]


# By requests, so that each step can be forged.


def client() -> httpx2.Client:
    return httpx2.Client(follow_redirects=False, timeout=60, headers=HTML)


def begun(web: httpx2.Client, desk: Served, who: str = "ada-1") -> str:
    """The address by which the provider sends somebody back to the desk."""
    at = f"{desk.url}/login/default"
    for _ in range(3):
        answer = web.get(at)
        assert answer.status_code in (200, 302, 303), answer.text
        if answer.status_code == 200:
            break
        at = answer.headers["location"]
        at = at if at.startswith("http") else desk.url + at
    links = re.findall(r'href="([^"]+)"', answer.text)
    (link,) = (one for one in links if one.startswith(f"/as/{who}?"))
    back: str = web.get(desk.provider.issuer + link.replace("&amp;", "&")).headers["location"]
    assert back.startswith(f"{desk.url}/oauth2callback?")
    return back


def comes_in(web: httpx2.Client, desk: Served, back: str) -> bool:
    """Whether that address leads into the desk."""
    answer = web.get(back)
    assert answer.headers["location"] == "/"
    vouched = any(one.startswith("_streamlit_user=") and "Max-Age=0" not in one
                  for one in answer.headers.get_list("set-cookie"))  # fmt: skip
    led = web.get(f"{desk.url}/")
    assert (led.status_code, led.headers["location"]) == (303, "/oidc" if vouched else "/signin")
    done = web.get(f"{desk.url}/oidc")
    found = any(one.startswith(f"{COOKIE}=") for one in done.headers.get_list("set-cookie"))
    assert not found or vouched
    return found


def test_the_way_back_works_once_and_for_whoever_set_out(desk: Served, provider: Provider) -> None:
    invited(desk, "ada@id.example", "admin")
    with client() as ada, client() as eve:
        back = begun(ada, desk)
        begun(eve, desk)  # has set out herself, with another state
        assert not comes_in(eve, desk, back)  # a code that was stolen, or pressed on somebody
        forged = re.sub(r"state=[^&]+", "state=forged", back)
        assert not comes_in(ada, desk, forged)
        assert not comes_in(ada, desk, f"{desk.url}/oauth2callback?error=access_denied")
        assert not comes_in(ada, desk, f"{desk.url}/oauth2callback")
        with Store(desk.store) as store:
            assert logins.bound(store) == []
        assert comes_in(ada, desk, back)
        ada.cookies.clear()
        assert not comes_in(ada, desk, back)


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_proves_nothing_lets_nobody_in(
    desk: Served, provider: Provider, lie: str
) -> None:
    invited(desk, "ada@id.example", "admin")
    provider.lie = lie
    with client() as web:
        assert not comes_in(web, desk, begun(web, desk))
        provider.lie = ""
        assert comes_in(web, desk, begun(web, desk))


def test_a_login_that_was_taken_away_leads_nowhere(desk: Served, provider: Provider) -> None:
    invited(desk, "ada@id.example", "judge")
    with client() as web:
        assert comes_in(web, desk, begun(web, desk))
        assert web.get(f"{desk.url}/_stcore/health").text == "ok"
        with Store(desk.store) as store:
            (login,) = logins.bound(store)
            assert logins.unbind(store, login) == 1
        assert web.get(f"{desk.url}/_stcore/health").status_code in (303, 403)
        assert not comes_in(web, desk, begun(web, desk))
        invited(desk, "ada@id.example", "judge")
        assert comes_in(web, desk, begun(web, desk))


def test_the_desk_leads_to_the_provider_that_it_was_given_alone(
    desk: Served, provider: Provider
) -> None:
    with client() as web:
        assert web.get(f"{desk.url}/login/other").status_code == 404
        first = web.get(f"{desk.url}/login/default?provider=evil").headers["location"]
        found = parse_qs(urlsplit(first).query)
        assert urlsplit(first).path == "/auth/login" and list(found) == ["provider"]
        forged = web.get(f"{desk.url}/auth/login?provider=default")
        assert forged.headers["location"] == "/"  # the token in it is signed


# What is configured.


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[auth", "secrets.toml cannot be read"),
        ('auth = "no table"', "has to be a table"),
        (secrets_of("http://x", "http://y", cookie_secret="short"), "32 random characters"),
        (secrets_of("http://x", "http://y").replace("client_secret", "other"), "client_secret"),
        (secrets_of("http://x", "http://y").replace("redirect_uri", "other"), "redirect_uri"),
    ],
    ids=["no TOML", "no table", "a short secret", "no client_secret", "no redirect_uri"],
)
def test_a_login_that_cannot_work_is_one_line_at_the_start(
    tmp_path: Path, text: str, line: str
) -> None:
    said = started(tmp_path, text)
    assert said.startswith("arena: ") and line in said


def test_without_authlib_the_desk_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "authlib").mkdir()
    (tmp_path / "authlib" / "__init__.py").write_text("raise ImportError('not here')\n")
    said = started(tmp_path, secrets_of("http://x", "http://y"), PYTHONPATH=str(tmp_path))
    assert said.startswith("arena: ") and "pip install 'oversight-arena[oidc]'" in said


def started(folder: Path, secrets: str, **environment: str) -> str:
    """The last line of a desk that is started with these secrets, and ends."""
    (folder / ".streamlit").mkdir(exist_ok=True)
    (folder / ".streamlit" / "secrets.toml").write_text(secrets)
    file = folder / "s.db"
    Store(file).close()
    done = subprocess.run(
        words_of(file, free_port()), cwd=folder, capture_output=True, text=True, timeout=120,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode != 0 and "Traceback" not in done.stderr, done.stderr
    return done.stderr.strip().splitlines()[-1]
