# What one types to run, test and look after the platform. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes
WORKERS ?= 2
SIZE ?= small
# The tests start hundreds of processes: compiled once, our modules are read in half the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset demo-codes test check bench format lock shell clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## Set everything up, play the demo, serve it on port 8000 (or FIDUCIA_PORT)
	@exec $(RUN) -m config.supervisor

demo-reset: $(VENV)/.runtime ## Forget the demo's data and begin anew
	@$(RUN) -m config.supervisor reset
	@exec $(RUN) -m config.supervisor

demo-codes: $(VENV)/.runtime ## Show the second-factor codes of the demo's officers, of this moment
	@$(RUN) -m config.supervisor codes

test: check ## Everything that CI runs: the checks, then the tests
	@echo "── tests"
	@$(RUN) -m pytest -q -n $(WORKERS) --dist loadfile

check: $(VENV)/.development ## Format, lint, types, import floors, migrations, deployment
	@echo "── format"     && $(RUN) -m ruff format --check .
	@echo "── lint"       && $(RUN) -m ruff check .
	@echo "── types"      && $(RUN) -m mypy .
	@echo "── floors"     && $(VENV)/bin/lint-imports
	@echo "── migrations" && $(RUN) manage.py makemigrations --check --dry-run
	@echo "── system"     && $(RUN) manage.py check --fail-level WARNING

bench: $(VENV)/.bench ## Measure against bare SQL, on a durable server (SIZE=small or full)
	@$(RUN) -m benchmarks --size $(SIZE)

format: $(VENV)/.development ## Format the code
	@$(RUN) -m ruff format . && $(RUN) -m ruff check --fix .

shell: $(VENV)/.runtime ## A Python shell on the demo's database
	@exec $(RUN) manage.py shell

lock: $(VENV)/.python ## Lock the dependencies anew from requirements/*.in
	@$(RUN) -m pip install --quiet --quiet --disable-pip-version-check uv
	@for set in base embedded dev bench; do \
	  $(VENV)/bin/uv pip compile --quiet --generate-hashes --universal --no-header --no-emit-index-url \
	    --no-emit-find-links requirements/$$set.in -o requirements/$$set.txt || exit 1; done

clean: ## Remove the virtual environment and every server's data
	@! test -x $(RUN) || $(RUN) -m config.supervisor reset
	@rm -rf $(VENV) .var

# Kept when a run was interrupted; an interpreter that is gone or too old is replaced.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	  || { echo "fiducia: needs Python 3.11, 3.12 or 3.13; name one with PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "fiducia: Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@$(RUN) -c 'import pip' 2>/dev/null || { echo "Making $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements/base.txt requirements/embedded.txt
	@echo "Installing what the platform needs (a minute or two, once)"
	@$(PIP) -r requirements/base.txt -r requirements/embedded.txt
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/dev.txt
	@echo "Installing what checks and tests need (a minute or two, once)"
	@$(PIP) -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.development requirements/bench.txt
	@echo "Installing what is measured beside ours (once)"
	@$(PIP) -r requirements/bench.txt
	@touch $@
