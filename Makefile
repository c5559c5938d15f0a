# make demo   set up what the main job needs, then run it (2.0 GB)
# make test   set up what the tests need, then run them (3.2 GB)
# make setup  only set up .venv, with all that tests need      make lint    ruff and pyright
# make test-system   whole commands and processes, killed and filled: what takes seconds each
# make test-browser  the tests of the pages, in Chromium (Debian's package chromium)
# make test-wheel    the built wheel in empty environments, with and without extras, of each Python that is here (gigabytes; ONLY="-k demo": the first run alone)
# make test-engine   vLLM in an environment of its own (2 GB), then the tests against it
# make test-inspect  Inspect in an environment of its own (0.3 GB), then its reader on what we export
# make test-ray      Ray (285 MB) into .venv, then the tests on two nodes; make test-slurm  those on a real Slurm (Debian: slurm-wlm munge)
# make widget build the audience graph's browser half again (node and npm; its bundles are kept in the repository)
# make calibrate     do intervals hold? planted nulls and effects through the estimators (half a minute; FULL=--full: under 90 minutes, resumable)
# make docs   the documentation site into build/site (its generator gets an environment of its own)
# make faults the long form of the fault suite, each guard taken away once (hours: it holds a log of 10^8 events)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENGINE := .venv-engine
DOCS := .venv-docs
INSPECT := .venv-inspect
PARALLEL := -n auto --maxprocesses 4 --dist worksteal
MAIN_JOB := learn
TESTS := learn,store,tables,ui,figures,peers,dev
READY := $(VENV)/.ready
READY_FOR_DEMO := $(VENV)/.ready-for-demo
.PHONY: setup demo test test-system test-slow test-browser test-engine test-inspect test-ray test-slurm test-wheel faults lint docs widget calibrate
setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) .ci/install.py $(VENV) $(TESTS) "the tests need"
	@touch $@ $(READY_FOR_DEMO)

$(READY_FOR_DEMO): pyproject.toml constraints.txt
	@$(PYTHON) .ci/install.py $(VENV) $(MAIN_JOB) "the main job needs"
	@touch $@

demo: $(READY_FOR_DEMO)
	$(BIN)/moloch run
	@echo 'To type moloch as above: source $(BIN)/activate'

test: export OMP_NUM_THREADS = 1
test: $(READY)
	$(BIN)/python -m pytest $(PARALLEL)

test-system: export OMP_NUM_THREADS = 1
test-system: $(READY)
	$(BIN)/python -m pytest $(PARALLEL) -m "system and not slow and not faults"

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

test-browser: $(READY)
	$(BIN)/python -m pytest -m "browser and not slow"

test-engine: $(ENGINE)/.ready
	$(ENGINE)/bin/python -m pytest -m engine tests/engine

test-wheel: export PYENV_VERSION := $(shell pyenv versions --bare 2>/dev/null | grep -E '^3\.1[1-9]' | paste -sd: -)
test-wheel: $(READY)
	$(BIN)/python -m pytest -m slow tests/analysis/test_plain_install.py $(ONLY)

test-ray: export OMP_NUM_THREADS = 1
test-ray: $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[ray]'
	$(BIN)/python -m pytest -m ray

test-slurm: export OMP_NUM_THREADS = 1
test-slurm: $(READY)
	$(BIN)/python -m pytest -m slurm

$(ENGINE)/.ready: pyproject.toml tests/engine/install.py
	@test -x $(ENGINE)/bin/python || $(PYTHON) -m venv $(ENGINE)
	@$(ENGINE)/bin/python tests/engine/install.py
	@touch $@

test-inspect: $(READY) $(INSPECT)/.ready
	$(BIN)/python -m pytest -m inspect tests/analysis

EXTRA_OF_INSPECT := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["inspect"])
$(INSPECT)/.ready: pyproject.toml
	@test -x $(INSPECT)/bin/python || $(PYTHON) -m venv $(INSPECT)
	@$(PYTHON) -c '$(EXTRA_OF_INSPECT)' | xargs $(INSPECT)/bin/python -m pip install --quiet
	@touch $@

calibrate: export OMP_NUM_THREADS = 1
calibrate: $(READY)
	$(BIN)/python benchmarks/calibration.py $(FULL)

faults: export OMP_NUM_THREADS = 1
faults: $(READY)
	$(BIN)/python -m pytest -m faults tests/faults tests/analysis/studies/test_ray.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: $(DOCS)/.ready
	@$(DOCS)/bin/python tests/docs/site.py

EXTRA_OF_DOCS := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"])
$(DOCS)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(PYTHON) -c '$(EXTRA_OF_DOCS)' | xargs $(DOCS)/bin/python -m pip install --quiet -c constraints.txt
	@touch $@

WIDGET := analysis/ui/graph/js
widget:
	cd $(WIDGET) && npm ci --no-audit --no-fund && npm run check && npm run build
