"""How the desk is started, and what is refused before anything is."""

import os
import re
import socket
from pathlib import Path

import pytest
from doorway import free_port
from typer.testing import CliRunner

from arena.desk import identity, passcodes
from arena.store import Store, StoreError
from ui import doorkey, serve
from ui.cli import app
from ui.serve import OPTIONS, Arguments, address_of, arguments, command, first_invite, is_loopback


def a_store(folder: Path, *runs: str) -> Path:
    path = folder / "s.db"
    with Store(path) as store:
        for run in runs:
            store.start_run(run, "play", {}, {})
    return path


def refused(*words: str) -> str:
    """What the command line says in its one line."""
    result = CliRunner().invoke(app, ["ui", *words])
    assert result.exit_code == 2 and "The desk:" not in result.output
    (line,) = result.output.strip().splitlines()
    return line


def test_the_command_carries_store_person_and_run(tmp_path: Path) -> None:
    path, port = a_store(tmp_path, "trial"), free_port()
    words = command(path, "-x y", "trial", port)
    assert words[words.index("--server.address") + 1] == "127.0.0.1"
    assert words[words.index("--server.port") + 1] == str(port)
    read = arguments(words[words.index("--") + 1 :])
    assert (read.store, read.person, read.run) == (path, "-x y", "trial")
    alone = command(path, port=port)
    assert arguments(alone[alone.index("--") + 1 :]).person


def test_streamlit_has_every_option_that_is_set() -> None:
    from streamlit import config

    known = config.get_config_options()
    assert not [name for name in OPTIONS if name not in known]


def test_a_file_that_is_missing_or_no_store_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        command(tmp_path / "none.db")
    other = tmp_path / "notastore.yaml"
    other.write_text("name: trial\n" * 100)
    with pytest.raises(StoreError, match="not an arena store"):
        command(other)
    assert "notastore.yaml" in refused("--store", str(other))
    assert other.read_text() == "name: trial\n" * 100


def test_an_unknown_run_is_refused_with_the_runs_that_there_are(tmp_path: Path) -> None:
    path, port = a_store(tmp_path, "trial", "nyu"), free_port()
    with pytest.raises(StoreError, match="no run 'tiral' in this store; its runs: trial, nyu"):
        command(path, run="tiral", port=port)
    assert "tiral" in refused("--store", str(path), "--run", "tiral", "--port", str(port))
    empty = tmp_path / "empty.db"
    Store(empty).close()
    with pytest.raises(StoreError, match="its runs: none"):
        command(empty, run="trial", port=port)


def test_a_busy_port_is_refused_before_a_page_is_promised(tmp_path: Path) -> None:
    path = a_store(tmp_path)
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.create_server((address, 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=f"port {port} on 127.0.0.1 cannot be used"):
                command(path, port=port)
            assert "choose another with --port" in refused("--store", str(path), "--port",
                                                           str(port))  # fmt: skip
        assert command(path, port=port)  # free again


def read(words: list[str]) -> Arguments:
    return arguments(words[words.index("--") + 1 :])


def options(words: list[str], name: str) -> list[str]:
    return [words[at + 1] for at, word in enumerate(words) if word == f"--{name}"]


def test_a_loopback_address_needs_no_sign_in_and_any_other_does(tmp_path: Path) -> None:
    path, port = a_store(tmp_path), free_port()
    alone = command(path, port=port)
    assert read(alone).local and not read(alone).https
    assert {"localhost", "127.0.0.1"} <= set(options(alone, "server.allowedHosts"))
    assert not read(command(path, port=port, local=False)).local
    for_all = command(path, port=port, address="0.0.0.0")
    assert not read(for_all).local and not options(for_all, "server.allowedHosts")
    named = command(path, port=port, address="0.0.0.0", https=True, hosts=["desk.example"])
    assert (read(named).https, read(named).hosts) == (True, ("desk.example",))
    assert options(named, "server.allowedHosts") == ["desk.example"]


def test_an_app_that_is_started_by_hand_asks_for_a_sign_in() -> None:
    assert not arguments(["--store=s.db"]).local
    assert not Arguments(Path("s.db"), "Ada", None).local


def test_a_local_desk_on_another_address_is_refused(tmp_path: Path) -> None:
    path = a_store(tmp_path)
    with pytest.raises(OSError, match=r"no sign-in, and 0\.0\.0\.0 may be reached by others"):
        command(path, port=free_port(), address="0.0.0.0", local=True)
    assert "leave out --local" in refused(
        "--store", str(path), "--port", str(free_port()), "--address", "0.0.0.0", "--local"
    )


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("[::1]", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.1", False), ("127.0.0.1.example", False),
     ("", False), ("2130706433", False), ("127.1", False)],
)  # fmt: skip
def test_what_is_this_machine_and_only_this_one(host: str, here: bool) -> None:
    assert is_loopback(host) == here


def test_the_address_that_people_are_given() -> None:
    assert address_of("127.0.0.1", 8501) == "http://127.0.0.1:8501"
    assert address_of("::1", 80) == "http://[::1]:80"
    assert address_of("0.0.0.0", 8501, True, ["desk.example"]) == "https://desk.example"
    assert address_of("0.0.0.0", 8501) == f"http://{socket.gethostname()}:8501"


def test_the_first_admin_gets_a_link_until_an_admin_can_sign_in(tmp_path: Path) -> None:
    path = a_store(tmp_path)
    old, link = first_invite(path, "Ada"), first_invite(path, "Ada")
    assert old is not None and link is not None
    with Store(path) as store:
        assert identity.accept(store, old.removeprefix("/join/")) is None  # the later one counts
        found = identity.accept(store, link.removeprefix("/join/"))
        assert found is not None and found[0].role == "admin"
        assert first_invite(path, "Ada") is None  # is in
        identity.sign_out(store, found[1])
        assert first_invite(path, "Ada") is not None  # and out again, without a passcode
        passcodes.set_passcode(store, found[0].id, "correct horse battery")
        assert first_invite(path, "Ada") is None


def test_the_first_admin_is_nobody_whose_access_was_revoked(tmp_path: Path) -> None:
    path = a_store(tmp_path)
    with Store(path) as store:
        identity.revoke(store, identity.register(store, "Ada"))
    with pytest.raises(StoreError, match="Name one with --person"):
        first_invite(path, "Ada")
    assert first_invite(path, "Bob") is not None


def test_the_verb_says_where_the_desk_is_and_who_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, port = a_store(tmp_path), free_port()
    started: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda program, words: started.append(words))
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")
    monkeypatch.delenv(doorkey.TOKEN, raising=False)

    def said(*words: str) -> list[str]:
        call = ["ui", "--store", str(path), "--port", str(port), "--person", "Ada", *words]
        result = CliRunner().invoke(app, call)
        assert result.exit_code == 0, result.output
        lines: list[str] = result.output.strip().splitlines()
        return lines

    tokens = []
    for _ in range(2):
        (line,) = said()
        found = re.fullmatch(rf"Open http://127.0.0.1:{port}/enter/(\S{{43}}) \(Ctrl\+C stops it\)",
                             line)  # fmt: skip
        assert found is not None and os.environ.pop(doorkey.TOKEN) == found[1]
        assert not [word for word in started[-1] if found[1] in word]  # everybody sees those
        tokens.append(found[1])
    assert len(set(tokens)) == 2
    del started[1:]
    given = "a-token-that-was-given-to-it"
    monkeypatch.setenv(doorkey.TOKEN, given)
    assert said() == [f"Open http://127.0.0.1:{port}/enter/{given} (Ctrl+C stops it)"]
    for wrong in ("short", "a token with spaces in it", "x" * 101):
        monkeypatch.setenv(doorkey.TOKEN, wrong)
        assert "20 to 100 letters" in refused("--store", str(path), "--port", str(port))
    monkeypatch.delenv(doorkey.TOKEN)
    del started[1:]
    first, second = said("--sign-in")
    assert first.startswith("The desk:") and second.startswith("The first admin signs in here")
    token = second.rpartition("/join/")[2]
    with Store(path) as store:
        assert identity.accept(store, token) is not None
    assert len(said("--sign-in")) == 1
    assert [read(words).local for words in started] == [True, False, False]
    assert started[0][started[0].index("run") + 1] == str(serve.DESK)


# The key of a local desk.


def test_the_key_outlives_a_restart_and_lies_beside_the_store_for_its_owner_alone(
    tmp_path: Path,
) -> None:
    path = a_store(tmp_path)
    key = doorkey.kept_key(path)
    file = tmp_path / "s.db.key"
    assert len(key) == 32 and doorkey.kept_key(path) == key == file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    one, two = doorkey.Door("t" * 30, key), doorkey.Door("u" * 30, key)
    assert two.admits(one.value()) and two.cookie == one.cookie  # the browser stays in
    assert not two.opens("t" * 30) and two.opens("u" * 30)  # the old address does not lead there
    assert doorkey.Door("t" * 30, b"x" * 32).cookie != one.cookie  # another desk of this machine


@pytest.mark.parametrize("what", ["open to others", "short", "a link", "a folder", "a pipe"])
def test_a_key_that_may_not_be_ones_own_is_not_used(tmp_path: Path, what: str) -> None:
    path, file = a_store(tmp_path), tmp_path / "s.db.key"
    (tmp_path / "elsewhere").write_bytes(b"k" * 32)
    (tmp_path / "elsewhere").chmod(0o600)
    if what == "a link":
        file.symlink_to(tmp_path / "elsewhere")
    elif what == "a folder":
        file.mkdir()
    elif what == "a pipe":
        os.mkfifo(file, 0o600)
    else:
        file.write_bytes(b"k" * (5 if what == "short" else 32))
        file.chmod(0o644 if what == "open to others" else 0o600)
    keys = {doorkey.kept_key(path) for _ in range(2)}
    assert len(keys) == 2 and all(len(key) == 32 for key in keys) and b"k" * 32 not in keys
