"""axe on every page of the desk: nothing serious, nothing critical.

Every page by light is part of the normal suite; the rest (dark, phone-sized, what opens on a page,
dialogs, refusals) is run by `make check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tour
from browser import Watch, served
from tour import Tour

from ui.web.desk_pages import PAGES

EACH = (
    "signin", "queue", "judge-step", "judge-after", "chair", "record", "you", "debates",
    "debate-switches", "tournament", "studies", "training", "data", "people", "assignments",
    "audit", "system",
)  # fmt: skip
"""A stop for every page, the fullest."""
SCREENS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "size": (1400, 1000)},
    "dark": {"color_scheme": "dark", "size": (1400, 1000)},
    "phone": {"color_scheme": "light", "size": (390, 844)},
    "dark phone": {"color_scheme": "dark", "size": (390, 844)},
}
RULES = {"resultTypes": ["violations"]}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tour, str]]:
    file: Path = tmp_path_factory.mktemp("tour") / "s.db"
    made = tour.build(file)
    with served(file) as url:
        yield made, url


def findings(watch: Watch) -> list[tuple[str, str]]:
    """What axe calls serious or critical, and where. No rule and no element is left out."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(watch.page, options=RULES).response["violations"]
    return [
        (f"{one['id']}: {one['help']}", node["html"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def look(desk: tuple[Tour, str], browser: Any, screen: str, names: set[str]) -> None:
    """The stops with these names; every finding is told, not just the first."""
    made, url = desk
    found: dict[str, list[tuple[str, str]]] = {}
    stops = [one for one in made.stops if one.name in names]
    assert {one.name for one in stops} == names
    for role in sorted({one.role for one in stops}):
        watch = Watch(browser, url, made.sessions.get(role), bypass_csp=True, **SCREENS[screen])
        for stop in stops:
            if stop.role == role:
                made.to(watch, stop)
                if some := findings(watch):
                    found[stop.name] = some
                assert watch.wrong() == [], stop.name
        watch.close()
    assert not found, found


def test_axe_finds_nothing_serious_on_any_page(desk: tuple[Tour, str], chromium: Any) -> None:
    there = {one.path.split("?")[0].strip("/") or "queue" for one in desk[0].stops
             if one.name in EACH}  # fmt: skip
    assert {page.url for page in PAGES} <= there
    look(desk, chromium, "light", set(EACH))


@pytest.mark.check
@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing_serious_in_any_state_of_a_page(
    desk: tuple[Tour, str], chromium: Any, screen: str
) -> None:
    look(desk, chromium, screen, {one.name for one in desk[0].stops})


def test_axe_does_find_what_is_wrong(desk: tuple[Tour, str], chromium: Any) -> None:
    watch = Watch(chromium, desk[1], bypass_csp=True)
    watch.open("/signin")
    assert findings(watch) == []
    watch.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=data:,><input>')")
    assert {one.split(":")[0] for one, _ in findings(watch)} >= {"image-alt", "label"}
    watch.close()
