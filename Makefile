# The single door. `make help` lists the targets.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip install --quiet --constraint constraints.txt
READY  := $(VENV)/.ready
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format soak clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## create .venv with everything but the optional TensorFlow cross-check

# torch first and pinned: left to itself pip takes a build with gigabytes of GPU libraries.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[train,export,live,micro,profile,dev]'
	@touch $@

demo: setup  ## train, export int8, run live against the emulated wearable (about five minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: setup check  ## style, types, then the default test suite
	$(BIN)/python -m pytest -n $(JOBS) -m 'not soak'

soak: setup  ## the long tests
	$(BIN)/python -m pytest -n $(JOBS) -m soak

check: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## rewrite to the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the demo and the tools made (not .venv)
	rm -rf build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
