# make train | test | lint | benchmark | site | claims: each sets up what it needs in .venv
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Without a GPU, ask for the CPU build of torch, so that no CUDA package is downloaded by surprise.
TORCH_INDEX := $(if $(shell command -v nvidia-smi),,--retries 0 --extra-index-url https://download.pytorch.org/whl/cpu)

# For a GPU without a network: what its Python lacks, and an experiment up to the networks (make carry EXPERIMENT=... CORPUS=...).
CARRY := .carry
CARRY_PYTHON ?= 3.12
CARRY_LACKS ?= anyascii constriction hydra-core omegaconf opencc rjieba zstandard
EXPERIMENT ?= talks_translator
CORPUS ?= ../shared/data/talks
STORE ?= runs
LINES ?= 600000

.PHONY: train test lint benchmark documents claims site lock lock-check audit carry clean

train: $(VENV)/installed
	$(BIN)/python train.py
	$(BIN)/python evaluate.py evaluation.split=test

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

benchmark: $(VENV)/installed-dev
	for name in csls lexical training resume; do $(BIN)/python -m benchmarks.$$name || exit 1; done
	@echo 'benchmarks.generation needs a translator, benchmarks.instruments texts: see their --help'

# What is generated: options from conf/ and the dataclasses, results from stored scores, evidence from the README.
documents: $(VENV)/installed
	$(BIN)/python scripts/write_configuration.py
	$(BIN)/python scripts/write_results.py
	$(BIN)/python scripts/write_readme.py
	$(BIN)/python scripts/check_claims.py --write

# Every number of the README is in a stored result or in the lab book.
claims: $(VENV)/installed
	$(BIN)/python scripts/write_readme.py --check
	$(BIN)/python scripts/check_claims.py
	$(BIN)/python scripts/write_results.py --check
	$(BIN)/python scripts/write_configuration.py --check

site: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo 'site/index.html opens from disk; with its search: python -m http.server --directory site'

# The exact versions, with hashes, that the project is known to work with: pip install -r requirements.lock
LOCK = uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --all-extras

lock: $(VENV)/installed-lock
	$(BIN)/$(LOCK) --output-file requirements.lock

# The lock file fits pyproject.toml: resolving again, from the versions it names, changes nothing.
lock-check: $(VENV)/installed-lock
	cp requirements.lock $(VENV)/requirements.lock
	$(BIN)/$(LOCK) --output-file $(VENV)/requirements.lock
	diff requirements.lock $(VENV)/requirements.lock || (echo 'requirements.lock does not fit pyproject.toml: make lock' && false)

# Known vulnerabilities of the locked versions.
audit: $(VENV)/installed-lock
	$(BIN)/pip-audit --requirement requirements.lock --disable-pip

$(VENV)/installed-lock: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --progress-bar on --editable '.[lock]'
	touch $@

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "umt needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --progress-bar on --no-deps $(TORCH_INDEX) torch==2.13.0
	$(BIN)/python -m pip install --quiet --progress-bar on --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --progress-bar on --editable '.[dev]'
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --progress-bar on --editable '.[docs]'
	touch $@

carry: $(VENV)/installed
	rm -rf $(CARRY)/wheels && mkdir -p $(CARRY)/wheels
	$(BIN)/python -m pip download --quiet --no-deps --only-binary=:all: --dest $(CARRY)/wheels --implementation cp \
		--python-version $(CARRY_PYTHON) $(foreach v,2_28 2_27 2_17,--platform manylinux_$(v)_x86_64) --platform manylinux2014_x86_64 $(CARRY_LACKS)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(CARRY)/wheels 'antlr4-python3-runtime==4.9.*'
	$(BIN)/python -m scripts.offline_gpu pack $(CARRY)/$(EXPERIMENT) --lines $(LINES) experiment=$(EXPERIMENT) corpus.root=$(CORPUS) store=$(STORE)
	@du -sh $(CARRY)/wheels $(CARRY)/$(EXPERIMENT)
	@echo 'there: python3 -m pip install --no-index --no-deps --target /tmp/site $(CARRY)/wheels/*.whl && export PYTHONPATH=/tmp/site'
	@echo '       python3 -m scripts.offline_gpu train $(CARRY)/$(EXPERIMENT) experiment=$(EXPERIMENT)    (killed, the same command goes on)'

clean:
	rm -rf $(VENV) build site *.egg-info
