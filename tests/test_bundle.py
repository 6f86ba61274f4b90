"""The scripts and styles of the parts as one file: what is in it, and what is sent instead.

That it works is seen wherever a browser is at the desk; the parts' own tests send them one by one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ui.serve import WEB
from ui.web.parts import bundle

PARTS = WEB / "parts"
SEES = """
import json
import streamlit as st
made = {}
st.components.v2.component = lambda name, css=None, js=None: made.update({name: [css, js]})
from ui.web.parts import bundle
route = bundle.serve()
from ui.web.parts import reader, selection
print(json.dumps([route.path, *made["arena-reader"], bundle._whole()]))
"""


def test_a_part_is_sent_with_a_line_and_the_file_has_all_that_it_was_made_of() -> None:
    said = subprocess.run(
        [sys.executable, "-c", SEES], capture_output=True, text=True, check=True, cwd=WEB.parents[1]
    )
    path, css, js, whole = json.loads(said.stdout)
    assert path in js and len(js) < 300 and css is None
    assert whole.count("export default") == 1 and whole.count("function el(") == 1
    for one in sorted(PARTS.glob("*.js")):
        body = one.read_text().replace("export default ", "return ")
        assert body.strip() in whole, one.name
    for one in sorted(PARTS.glob("*.css")):
        assert json.dumps(one.read_text())[1:-1] in whole, one.name


def test_a_script_without_one_default_export_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("common.js", "common.css"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(bundle, "files", lambda package: tmp_path)
    for text in ("function one() {}\n", "export default 1;\nexport default 2;\n"):
        (tmp_path / "odd.js").write_text(text)
        with pytest.raises(ValueError, match=r"odd\.js has [02] default exports"):
            bundle.script({"odd": ("common.js", "odd.js")})


def test_the_address_changes_with_any_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "files", lambda package: tmp_path)
    found = set()
    for name, text in (("a.js", "1"), ("a.js", "2"), ("a.css", "1"), ("b.css", "1"), ("c.md", "")):
        (tmp_path / name).write_text(text)
        found.add(bundle.version.__wrapped__())
    assert len(found) == 4  # what is neither script nor style is no part of it
