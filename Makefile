# Two commands are enough: `make demo` and `make test`. Needed: python3 (3.11 or newer), git, make.

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
SCALE ?= 10k
ROUNDS ?= 9
ONLY ?=
PEERS ?= auto
OUT ?= build/bench.json

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:  # half a virtual environment is made again
.PHONY: help demo test quality-check contract-conformance format generate bench bench-publish soak clean

help:
	@echo "make demo                  the main job, step by step, in a temporary repository"
	@echo "make test                  every test"
	@echo "make quality-check         lint, types, layers, drift of generated files, our own state"
	@echo "make contract-conformance  schemas, examples, envelopes and exit statuses"
	@echo "make bench                 ratios to floors: SCALE=1k ROUNDS=9 ONLY=G1,G8 PEERS=auto OUT=build/bench.json"
	@echo "make bench-publish         docs/performance.md from the last bench"
	@echo "make soak                  the long tests: kills, many writers, random sequences"
	@echo "make generate              rewrite what is generated from schemas, codes and --help"

demo: $(VENV)/.installed
	@$(BIN)/platformctl demo

test: $(VENV)/.installed-test
	@PLATFORMSTATE_REQUIRE_PG=1 $(BIN)/python -m pytest -q -n 3 --dist worksteal

soak: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m soak

quality-check: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m tools.generate --check
	@$(BIN)/python -m platformstate.exporter.generate --check
	@$(BIN)/python -m tools.docs --check
	@$(BIN)/platformctl validate

contract-conformance: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -q -n 2 tests/contract tests/cli tests/test_house.py tests/test_docs.py

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

generate: $(VENV)/.installed-dev
	@$(BIN)/python -m tools.generate
	@$(BIN)/python -m platformstate.exporter.generate
	@$(BIN)/python -m tools.docs

bench: $(VENV)/.installed-test
	@$(BIN)/python -m tests.bench 'SCALE=$(SCALE)' 'ROUNDS=$(ROUNDS)' 'ONLY=$(ONLY)' 'PEERS=$(PEERS)' 'OUT=$(OUT)'

bench-publish: $(VENV)/.installed-test
	@$(BIN)/python -m tests.bench.publish '$(OUT)'

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@[ -n '$(PYTHON)' ] || { echo "Python 3.11 or newer is needed: sudo apt-get install python3" >&2; exit 1; }
	@command -v git >/dev/null || { echo "git is needed: sudo apt-get install git" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)" >&2
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	@$(PIP) -e '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@$(PIP) -e '.[test,dev]'
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed
