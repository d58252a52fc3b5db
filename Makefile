# make train | test | lint | benchmark: each sets up what it needs in .venv
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Without a GPU, ask for the CPU build of torch, so that no CUDA package is downloaded by surprise.
TORCH_INDEX := $(if $(shell command -v nvidia-smi),,--retries 0 --extra-index-url https://download.pytorch.org/whl/cpu)

.PHONY: train test lint benchmark clean

train: $(VENV)/installed
	$(BIN)/python train.py
	$(BIN)/python evaluate.py

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: $(VENV)/installed-dev
	for name in csls lexical training resume; do $(BIN)/python -m benchmarks.$$name || exit 1; done
	@echo 'benchmarks.generation needs a translator, benchmarks.instruments texts: see their --help'

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "umt needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --progress-bar on --no-deps $(TORCH_INDEX) torch==2.13.0
	$(BIN)/python -m pip install --quiet --progress-bar on --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --progress-bar on --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
