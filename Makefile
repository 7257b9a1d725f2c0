# Three commands matter: `make demo`, `make studio` and `make test`. Each sets itself up in .venv on its first run.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin

# A stamp's name holds a checksum of what it stands for: a changed lock, or a moved folder, installs again.
sum     = $(shell (echo "$(CURDIR)"; cat $(1)) | cksum | cut -d' ' -f1)
RUNTIME := $(VENV)/.runtime-$(call sum,requirements.txt pyproject.toml)
FUZZ    := $(VENV)/.fuzz-$(call sum,requirements.txt requirements-dev.txt requirements-fuzz.txt pyproject.toml)
STUDIO  := $(VENV)/.studio-$(call sum,requirements.txt requirements-studio.txt pyproject.toml)
DEV     := $(VENV)/.dev-$(call sum,requirements.txt requirements-dev.txt pyproject.toml)

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo studio page page-test test test-all fuzz check format sbom clean

help:  ## say what there is
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "make %-10s %s\n", $$1, $$2}'

demo: $(RUNTIME)  ## masks for four objects in two drawn scenes, as pictures in demo/
	@$(BIN)/python examples/demo.py --out demo

PORT ?= 8420
studio: $(STUDIO)  ## a page to work in, opened in the browser: PORT=
	@$(BIN)/smartmask serve --port $(PORT) --open

page: $(RUNTIME) web/node_modules  ## build the studio's page anew from web/ (needs node; whoever only uses it does not)
	@cd web && npm run --silent build
	@$(BIN)/python examples/for_page.py src/smartmask/studio/page/examples

web/node_modules: web/package-lock.json
	@cd web && npm ci --no-audit --no-fund
	@touch $@

page-test:
	@if command -v node >/dev/null && [ -d web/node_modules ]; then cd web && npm run --silent test; else \
	  echo "The page's own tests were skipped: they need node, and 'make page' once."; fi

test: check page-test  ## style, types and the fast tests
	@$(BIN)/python -m pytest -m "not slow"

test-all: check page-test  ## the same with the slow tests
	@$(BIN)/python -m pytest

# FUZZ_SECONDS: of all targets together. FUZZ_RUNS: inputs instead of seconds. FUZZ_TARGETS: only these, "photos words".
FUZZ_SECONDS ?= 180
FUZZ_RUNS    ?= 0
fuzz: $(FUZZ)  ## damaged and hostile inputs for every reader, for minutes: FUZZ_SECONDS=, FUZZ_RUNS=, FUZZ_TARGETS=
	@cd tests && OMP_NUM_THREADS=1 PYTHONPATH=. ../$(BIN)/python -m fuzz --found ../fuzz-found \
	  $(if $(filter-out 0,$(FUZZ_RUNS)),--runs $(FUZZ_RUNS),--seconds $(FUZZ_SECONDS)) $(FUZZ_TARGETS:%=--target %)

check: $(DEV)  ## style and types only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torchvision") and \
	  "torchvision is installed: its wheel breaks transformers and diffusers here; uninstall it.")'

format: $(DEV)  ## rewrite the code in the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

sbom: $(DEV)  ## licences of all that is locked: docs/sbom.json and the tables of docs/licences.md
	@$(BIN)/python docs/make_sbom.py

clean:  ## remove what the commands above made
	rm -rf $(VENV) demo fuzz-found .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(RUNTIME): | $(VENV)/pyvenv.cfg
	@echo "Installing the locked runtime (once) ..."
	@rm -f $(VENV)/.runtime-* $(VENV)/.dev-* $(VENV)/.studio-*
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(STUDIO): $(RUNTIME)
	@echo "Installing the locked service (once) ..."
	@rm -f $(VENV)/.studio-*
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-studio.txt
	@touch $@

$(DEV): $(RUNTIME)
	@echo "Installing the locked development tools (once) ..."
	@rm -f $(VENV)/.dev-*
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(FUZZ): $(DEV)
	@rm -f $(VENV)/.fuzz-*
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-fuzz.txt || \
	  echo "There is no wheel of atheris for this machine; the inputs are mutations without coverage."
	@touch $@

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "SmartMask needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV)
