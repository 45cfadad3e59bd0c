# Everything needs python3 and make only: the first target that runs makes a virtual environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all lint docs bench clean

# Made anew when the dependencies change; installed editable, so code changes need nothing.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --editable ".[dev]"
	touch $@

demo: $(VENV)/.installed
	$(BIN)/akitsu demo --force

test: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not slow and not shared"

test-all: $(VENV)/.installed
	$(BIN)/python -m pytest

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src docs README.md CHANGELOG.md CONTRIBUTING.md

docs: $(VENV)/.installed
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.installed demo
	$(BIN)/python benchmarks/resume.py
	$(BIN)/python benchmarks/footprint.py
	$(BIN)/python benchmarks/robot.py demo/where/model.onnx

clean:
	rm -rf $(VENV) demo runs site
