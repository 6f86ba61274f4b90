"""The wheel holds what it should and runs where nothing else of the project is."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = {"arena", "agents", "judges", "ui"}


def run(*command: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=cwd, env={**clean, **env}, capture_output=True, text=True, timeout=1500
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a fresh copy of the tracked files."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git clone: the wheel is built from the tracked files")
    folder = tmp_path_factory.mktemp("wheel")
    clone = folder / "clone"
    tracked = run("git", "ls-files", "-z", "-co", "--exclude-standard", cwd=REPOSITORY).stdout
    for name in filter(None, tracked.split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_bytes(source.read_bytes())
    made = run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation",
        "--wheel-dir", str(folder), str(clone), cwd=folder,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_exactly_the_four_packages_and_their_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    packed = {name for name in names if ".dist-info/" not in name}
    here = {
        str(path.relative_to(REPOSITORY))
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == here


def installed(wheel: Path, home: Path, *pip: str) -> Path:
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    done = run(str(python), "-m", "pip", "install", "-q", *pip, str(wheel), cwd=home)
    assert done.returncode == 0, done.stderr
    return home / "bin" / "arena"


def demo(arena: Path, elsewhere: Path, **env: str) -> None:
    done = run(str(arena), "demo", "--scripted", "--json", "--n", "20", cwd=elsewhere, **env)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["done"] > 0
    assert (elsewhere / answer["store"]).is_file()


def test_the_installed_wheel_runs_the_demo_away_from_the_clone(wheel: Path, tmp_path: Path) -> None:
    """Only the dependencies are borrowed: a PYTHONPATH entry runs no .pth file, so neither an
    editable install nor the clone can be what is imported."""
    arena = installed(wheel, tmp_path / "venv", "--no-deps")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    borrowed = sysconfig.get_paths()["purelib"]
    where = run(
        str(arena.parent / "python"), "-c", "import arena, ui; print(arena.__file__, ui.__file__)",
        cwd=elsewhere, PYTHONPATH=borrowed,
    )  # fmt: skip
    assert str(REPOSITORY) not in where.stdout and where.stdout.count(str(tmp_path / "venv")) == 2
    demo(arena, elsewhere, PYTHONPATH=borrowed)


@pytest.mark.check
def test_the_wheel_installs_with_its_dependencies_into_an_empty_environment(
    wheel: Path, tmp_path: Path
) -> None:
    arena = installed(wheel, tmp_path / "venv", "-c", str(REPOSITORY / "constraints.txt"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    demo(arena, elsewhere)
