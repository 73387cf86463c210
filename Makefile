# Two commands do everything on a fresh machine:
#   make demo    install, render the demonstration collection, run the pipeline on it, serve it on 127.0.0.1
#   make test    install, then check style and types and run the whole test suite
#
# The tests run in one process a core, four at most, a file at a time; each process works with one thread.
#
# make demo ARGS=--no-serve   stop after the run        make demo RESET=1   start the demonstration over
# make test PYTEST="-m 'not browser'"                   run a part of the suite

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
PYTEST ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test lint clean

help:
	@sed -n 's/^#  *\(make .*\)/\1/p' Makefile

# The stamp fits while what is installed fits these two files; nothing is fetched again until one of them changes.
$(STAMP): pyproject.toml constraints.txt
	@echo "Installing Benthoscope into $(VENV) (once; a few minutes on the first day) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

install: $(STAMP)

demo: $(STAMP)
	@$(BIN)/benthoscope demo $(if $(RESET),--reset) $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test: lint
	@OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST)

clean:
	rm -rf $(VENV) build dist *.egg-info
