# `make` says what there is. Everything sets itself up in .venv; Python 3.11 or newer and make are all it takes.
PYTHON  ?= $(shell command -v python3.11 || command -v python3)
VENV    := .venv
BIN     := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV     := $(VENV)/.dev-installed

# these have files and secrets of their own; tests/docs carries their examples out
PAGES   := $(filter-out docs/explain.md docs/adding-a-connector.md,$(wildcard docs/*.md docs/connectors/*.md docs/recipes/*.md))

.DEFAULT_GOAL := help
.PHONY: help demo install test test-full bench check lint types layers config-check schema presets clean

help:  ## Say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME)  ## Run bridge and sandbox CRM end to end, no account needed
	@$(BIN)/crm-bridge demo

install: $(RUNTIME)  ## Install crm-bridge into .venv

test: $(DEV)  ## Run the tests
	@$(BIN)/pytest -n auto --dist worksteal

bench: $(DEV)  ## Measure against a bare aiohttp hop, five minutes (BENCH="--quick", "--only NAME", "--write")
	@$(BIN)/python -m tests.bench $(BENCH)

test-full: $(DEV)  ## Run the scenarios at full size (minutes more)
	@$(BIN)/pytest -n auto --dist worksteal -m full_size

schema: $(DEV)  ## Write the JSON Schemas in docs/schema anew
	@$(BIN)/crm-bridge schema --output docs/schema

presets: $(DEV)  ## Write docs/presets.md, the page of all presets, anew
	@$(BIN)/crm-bridge sources --markdown > docs/presets.md

check: lint types layers config-check  ## Check style, types, import layers and the shipped configuration

lint: $(DEV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(DEV)
	@$(BIN)/mypy

layers: $(DEV)
	@$(BIN)/lint-imports

config-check: $(DEV)
	@$(BIN)/crm-bridge check --env-file .env.example -c config.example.yaml config.example.yaml README.md $(PAGES)
	@$(BIN)/crm-bridge check --env-file .env.example tests/config/all-recipes.yaml
	@$(BIN)/crm-bridge test --env-file .env.example --config tests/config/all-recipes.yaml --fail-under 100 config

clean:  ## Remove what the targets made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "crm-bridge needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[speed]'
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(RUNTIME) $@
