# Two commands: `make run` starts everything on this machine, `make test` tests everything.
SHELL := /bin/bash
.DEFAULT_GOAL := run

PORT ?= 8000
DATA_DIR ?= .data
# The first of these that runs and is new enough; PYTHON names another.
PYTHON ?= python3 python python3.13 python3.12 python3.11 python3.14
# NEWEST=1 takes the newest packages that pyproject.toml allows, in an environment of their own, instead of the locked.
VENV := .venv$(if $(NEWEST),-newest)
BIN := $(VENV)/bin

.PHONY: run test check lint lock newest bench reset clean help

run: $(VENV)/.installed$(if $(filter sim,$(PROVIDERS)),-dev) ## start the app with the demo team; PORT, DATA_DIR, PROVIDERS=sim
	@PORT="$(PORT)" DATA_DIR="$(DATA_DIR)" PROVIDERS="$(PROVIDERS)" exec $(BIN)/python -m booking_app.cli demo

test: $(VENV)/.installed-dev ## everything, browser tests included; NOW=2027-01-31T23:55:00+01:00 at that moment
	@$(BIN)/python -m tests.prepare
	@$(BIN)/python -m pytest -n 3 --dist loadgroup

check: lint ## what each commit must pass: format, lint, layers, types, fast tests
	@$(BIN)/python -m pytest -q tests/unit

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

LOCK := $(BIN)/uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
	--upgrade --quiet --custom-compile-command "make lock"

lock: | $(BIN)/uv ## renew the locked packages: the newest that pyproject.toml allows, with their hashes
	@$(LOCK) --output-file requirements.lock
	@$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

newest: ## whether the newest packages do: every module is imported, the unit tests run
	@$(MAKE) --no-print-directory NEWEST=1 .venv-newest/.installed-dev
	@.venv-newest/bin/python -m tests.newest
	@.venv-newest/bin/python -m pytest -q tests/unit

bench: $(VENV)/.installed-dev ## the benchmarks, each with its reference from the same run
	@for file in tests/benchmarks/bench_*.py; do \
		name=$$(basename "$$file" .py); echo "== $$name"; $(BIN)/python -m "tests.benchmarks.$$name" || exit 1; \
	done

reset: ## forget the demo's data
	@$(if $(wildcard $(BIN)/python),DATA_DIR="$(DATA_DIR)" $(BIN)/python -m booking_app.cli reset,true)

clean: ## remove what was installed and built; the data stays
	@rm -rf .venv .venv-newest .web .built .states

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(VENV)/bin/python:
	@for name in $(PYTHON); do \
		"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		echo "Creating the environment with $$("$$name" --version 2>&1)"; \
		"$$name" -m venv $(VENV) && "$@" -m pip --version >/dev/null 2>&1 && exit 0; \
		rm -rf $(VENV); \
		echo "Python's venv module is missing or broken; on Debian and Ubuntu: apt-get install python3-venv." >&2; exit 2; \
	done; echo "Python 3.11 or newer is needed (tried: $(PYTHON)); install it, or set PYTHON." >&2; exit 2

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The project itself is built with the locked setuptools, and `pip check` says when the lock lacks what it needs.
define INSTALL
@$(if $(NEWEST),$(PIP) --upgrade --upgrade-strategy eager -e '.$(2)',\
	$(PIP) --only-binary :all: --require-hashes -r $(1) && $(PIP) --no-deps --no-build-isolation -e .) \
	|| { echo "The packages could not be installed; pip's own words are above." >&2; exit 2; }
@$(BIN)/python -m pip check >$(VENV)/check.txt \
	|| { cat $(VENV)/check.txt; echo "The packages do not fit together; make lock renews the lock." >&2; exit 2; }
endef

$(VENV)/.installed: pyproject.toml requirements.lock | $(VENV)/bin/python
	@echo "Installing the packages (the first time takes a minute)"
	$(call INSTALL,requirements.lock)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements-dev.lock | $(VENV)/bin/python
	@echo "Installing the packages and the test tools"
	$(call INSTALL,requirements-dev.lock,[dev])
	@touch $(VENV)/.installed $@

$(BIN)/uv:
	@$(MAKE) --no-print-directory $(VENV)/.installed-dev
