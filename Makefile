# Two commands on a fresh machine: `make demo` and `make test`. Both set up `.venv` first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The CPU build of torch: a wheel that pip finds locally, else from this index.
# On a machine with CUDA: make demo TORCH_INDEX=https://download.pytorch.org/whl/cu130
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH := $(shell grep '^torch==' constraints.txt)
CORPUS ?=

.PHONY: demo test check lint types layers clean

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-index --no-deps $(TORCH) 2>/dev/null \
	  || $(BIN)/pip install --index-url $(TORCH_INDEX) $(TORCH)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/ready
	$(BIN)/python examples/demo.py $(CORPUS)

test: $(VENV)/ready
	$(BIN)/python -m pytest

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

layers: $(VENV)/ready
	$(BIN)/lint-imports

check: test lint types layers

clean:
	rm -rf $(VENV) .demo build dist
