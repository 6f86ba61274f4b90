"""How the judging page is started, and what is refused before anything is."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arena.store import Store, StoreError
from ui.cli import app
from ui.serve import OPTIONS, arguments, command


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def a_store(folder: Path, *runs: str) -> Path:
    path = folder / "s.db"
    with Store(path) as store:
        for run in runs:
            store.start_run(run, "play", {}, {})
    return path


def refused(*words: str) -> str:
    """What the command line says in its one line."""
    result = CliRunner().invoke(app, ["ui", *words])
    assert result.exit_code == 2 and "Judging page" not in result.output
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
