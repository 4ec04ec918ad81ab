# Everything below works from a fresh checkout: the first target that needs it makes the environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-kill lint format bench bench-tune bench-logs preflight wheel-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile
	@echo "PYTHON=$(PYTHON) makes the environment $(VENV); override either on the command line"

run: $(VENV)/.spacegen ## draw 500 feasible launch configs from the H100 space
	@$(BIN)/spacegen solve spaces/h100.yaml --count 500

test: $(VENV)/.group-test ## run the tests, on all cores
	@$(BIN)/python -m pytest -n auto --dist loadgroup

test-kill: $(VENV)/.group-test ## kill a study 20 times and see that nothing is lost
	@SPACEGEN_KILLS=20 $(BIN)/python -m pytest -n 0 -s tests/test_tune_kill.py

lint: $(VENV)/.group-test $(VENV)/.group-lint ## ruff, mypy and the laws of the architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(VENV)/.group-lint ## put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.group-bench ## time spacegen beside its peers
	@$(BIN)/python -m benchmarks

bench-tune: $(VENV)/.group-test ## compare samplers on made-up servers
	@$(BIN)/python -m benchmarks.tune

bench-logs: $(VENV)/.group-test ## time the reading of long server logs beside grep
	@$(BIN)/python -m benchmarks.logs

preflight: $(VENV)/.spacegen ## judge the shipped spaces by the argument code of real servers
	@PYTHON=$(BIN)/python .ci/preflight $(VERSIONS)

wheel-check: $(VENV)/.group-build ## build the wheel from the sdist and use it in an empty environment
	@PYTHON=$(BIN)/python bash .ci/wheel-check

clean: ## remove the environment and everything generated
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Stamps: an environment is made once and brought up to date when pyproject.toml changes.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "error: spacegen needs Python 3.11 or newer, and \`$(PYTHON)\` is $$($(PYTHON) --version 2>&1 | head -n 1)" >&2; \
	    echo "hint: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.spacegen: $(VENV)/.made pyproject.toml
	@echo "installing spacegen into $(VENV)" >&2
	@$(PIP) install --editable '.[tune,diagnose]'
	@touch $@

$(VENV)/.group-%: $(VENV)/.spacegen pyproject.toml
	@echo "installing what \`$*\` needs into $(VENV)" >&2
	@$(PIP) install --group $*
	@touch $@
