# The single door. `make help` lists the targets.
PYTHON ?= python3
VENV   ?= .venv
# Where PyTorch comes from, beside pip's own index: see Install in README.md.
TORCH_INDEX ?=
TORCH  := torch==2.13.0
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip install --quiet --constraint constraints.txt
READY  := $(VENV)/.ready
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup extras demo test check format soak mutants clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Before anything is downloaded; the range is the one that pip reads.
CHECK_PYTHON := import re, sys; \
    low, end = re.search(r"requires-python = .>=3\.(\d+),<3\.(\d+)", open("pyproject.toml").read()).groups(); \
    good = (3, int(low)) <= sys.version_info[:2] < (3, int(end)); \
    sys.exit(not good and "wearkit needs Python 3.%s to 3.%d and $(PYTHON) is %s: make setup PYTHON=python3.%s." \
    % (low, int(end) - 1, sys.version.split()[0], low))

# What pip resolves to is known only to pip, and asking it costs the download.
GPU_BUILD := $(if $(TORCH_INDEX),,$(filter Linux-x86_64,$(shell uname -sm | tr ' ' -)))
GPU_SIZE := PyTorch comes with GPU libraries, over 2.3 GB to download, unless pip is set up to find \
    another build: make setup TORCH_INDEX=URL, with the CPU package index of PyTorch, takes about 190 MB.

setup: $(READY)  ## create .venv with all that make demo and make test need

# torch first: only its own line looks into TORCH_INDEX, where other packages may be older.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	$(PYTHON) -m venv $(VENV)
	$(if $(GPU_BUILD),@test -d $(VENV)/lib/*/site-packages/torch || echo '$(GPU_SIZE)')
	$(PIP) $(if $(TORCH_INDEX),--extra-index-url '$(TORCH_INDEX)') $(TORCH)
	$(PIP) --editable '.[train,export,live,micro,profile,sign,dev]'
	@touch $@

extras: setup  ## add the emulated RP2040 (npm) and the TensorFlow cross-check
	npm ci --silent --prefix firmware/ports/rp2040/emulate
	$(PIP) --editable '.[tensorflow]'

demo: setup  ## train, export int8, run live against the emulated wearable (two to three minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: setup check  ## style, types, then the default test suite
	$(BIN)/python -m pytest -n $(JOBS) -m 'not soak'

soak: setup  ## the long tests
	$(BIN)/python -m pytest -n $(JOBS) -m soak

mutants: setup  ## which changes of the code no test notices (an hour; MUTANTS=--help lists choices)
	$(PIP) cosmic-ray==8.7.0
	$(BIN)/python tests/bench/mutants.py $(MUTANTS)

check: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## rewrite to the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the demo and the tools made (not .venv)
	rm -rf build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
