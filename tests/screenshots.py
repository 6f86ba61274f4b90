"""``make screenshots``: a picture of every page of the desk, to be looked at.

Each page by light, by dark and on a phone, into ``screenshots/`` (which git ignores), over a store
that is made for it. Words of the command line choose pages by name.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import tour
from browser import MISSING, find, launched, served

FOLDER = Path(__file__).parents[1] / "screenshots"
KINDS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "size": (1400, 1100)},
    "dark": {"color_scheme": "dark", "size": (1400, 1100)},
    "phone": {"color_scheme": "light", "size": (390, 1500)},
}
"""Streamlit scrolls inside the window, so a picture shows as much as the window is high."""


def main(chosen: list[str]) -> int:
    """Write the pictures; 1 where a page could not be drawn, or there is no browser."""
    if find() is None:
        print(MISSING, file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    failed = 0
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        file = Path(folder) / "s.db"
        made = tour.build(file)
        with served(file) as url:
            for stop in made.stops:
                if chosen and stop.name not in chosen:
                    continue
                for kind, options in KINDS.items():
                    try:
                        watch = made.at(browser, url, stop, **options)
                        watch.page.screenshot(path=str(FOLDER / f"{stop.name}-{kind}.png"))
                        watch.close()
                    except Exception as error:
                        failed = 1
                        print(f"{stop.name} {kind}: {str(error)[:300]}", file=sys.stderr)
    print(f"screenshots: {len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
