# Two commands on a fresh machine: `make demo` and `make test`. The tests want a Chromium:
# `make browser` finds or installs one, and ARENA_NO_BROWSER=1 leaves the browser tests out.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint check browser screenshots clean

demo: $(VENV)/installed
	$(BIN)/arena demo --store demo.db

test: lint
	$(BIN)/pytest -q -n 2 --dist loadfile

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

browser: $(VENV)/installed-dev
	@$(BIN)/python tests/browser.py

screenshots: $(VENV)/installed-dev
	$(BIN)/python tests/screenshots.py

check: $(VENV)/installed-dev
	$(BIN)/pytest -q -m check

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "arena needs Python 3.11 or newer; call make with PYTHON=...")'
	@# A half-made environment (no pip) or one of an older Python is made anew.
	$(BIN)/python -m pip --version >/dev/null 2>&1 \
	  && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || $(PYTHON) -m venv $(if $(wildcard $(VENV)/pyvenv.cfg),--clear) $(VENV)
	@echo "Installing into $(VENV): torch and its companions are large, this takes some minutes once."
	$(PIP) -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
