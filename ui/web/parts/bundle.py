"""All scripts and styles of the parts as one file, which a page loads once.

Streamlit sends an element's script and style with the element, on every run: for a page of the desk
ten times as many bytes as what it shows. Where the desk serves this file (`serve`), an element is
sent with one line, which names it; elsewhere, as in an app of somebody else's, with all of it. The
address holds a hash of the files, so a page never meets the scripts of another version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PACKAGE = "ui.web.parts"
WAY = "/parts/"
HEAD = """
const sheets = {};
const styled = new WeakSet();
function style(root, name) {
  if (!styles[name] || styled.has(root)) return;
  styled.add(root);
  if (!sheets[name]) (sheets[name] = new CSSStyleSheet()).replaceSync(common + styles[name]);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheets[name]];
}
export default function (name, part) {
  style(part.parentElement, name);
  return parts[name](part);
}
"""
MADE: dict[str, tuple[str, ...]] = {}
"""The files of every part that has been made, by its name."""
COMMON = ("common.css", "common.js")
_served = False


def serve() -> Route:
    """The route of the file; from now on parts are made to be loaded from it. To be called before
    any part is."""
    global _served
    _served = True
    return Route(f"{WAY}{version()}.js", _answer)


def served() -> bool:
    """Whether parts come from the file."""
    return _served


@lru_cache(maxsize=1)
def version() -> str:
    """A hash of all scripts and styles."""
    found = sorted(
        (one.name, one.read_text("utf-8"))
        for one in files(PACKAGE).iterdir()
        if one.name.endswith((".js", ".css"))
    )
    return sha256(json.dumps([HEAD, found]).encode()).hexdigest()[:16]


def stub(name: str) -> str:
    """The line that a part is sent with."""
    where = json.dumps(f"{WAY}{version()}.js")
    return (
        f"const where = window.location.origin + {where};\n"
        f"export default async (part) => (await import(where)).default({json.dumps(name)}, part);\n"
    )


def read(*names: str) -> str:
    """These files, one after the other."""
    here = files(PACKAGE)
    return "".join(here.joinpath(name).read_text("utf-8") for name in names)


def of_kind(kind: str, names: Iterable[str]) -> list[str]:
    """Those of the files that are scripts, or styles."""
    return [name for name in names if name.endswith(kind)]


def script(made: Mapping[str, tuple[str, ...]]) -> str:
    """The file: what all parts have in common, each script in a scope of its own, and the styles
    as text."""
    styles, lines = {}, []
    for name, names in made.items():
        own = [one for one in names if one not in COMMON]
        if css := of_kind(".css", own):
            styles[name] = read(*css)
        body, count = re.subn(
            r"^export default ", "return ", read(*of_kind(".js", own)), flags=re.MULTILINE
        )
        if count != 1:
            raise ValueError(f"{name}.js has {count} default exports; it needs one")
        lines.append(f"parts[{json.dumps(name)}] = (() => {{\n{body}\n}})();")
    kept = [
        f"const common = {json.dumps(read(COMMON[0]))};",
        f"const styles = {json.dumps(styles)};",
    ]
    return "\n".join([read(COMMON[1]), *kept, "const parts = {};", *lines, HEAD])


@lru_cache(maxsize=1)
def _whole() -> str:
    for one in iter_modules(import_module(PACKAGE).__path__):
        import_module(f"{PACKAGE}.{one.name}")
    return script(dict(sorted(MADE.items())))


def _answer(request: Request) -> Response:
    return Response(_whole(), media_type="text/javascript")
