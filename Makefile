# Everything starts from here: `make demo` shows the main job, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
CODE := automats transports services bitdust_node tests setup.py

.PHONY: env demo test lint types chaos bench draw clean

env: $(READY)

$(READY): setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/bitdust demo $(if $(FILE),--file '$(FILE)') $(if $(KEEP),--keep)

test: $(READY)
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(READY)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: $(READY)
	$(BIN)/mypy

chaos: $(READY)
	$(BIN)/python -m tests.chaos $(if $(ARGS),$(ARGS),--steps 5000 --minutes 50)

bench: $(READY)
	$(BIN)/python -m tests.bench $(ARGS)

draw: $(READY)
	$(BIN)/python -m automats.drawing

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/.cache
