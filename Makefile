# Everything starts from here: `make demo` shows the main job, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
CODE := automats transports services bitdust_node tests setup.py

.PHONY: env demo test fuzz lint types chaos bench draw document clean

env: $(READY)

$(READY): setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/bitdust demo $(if $(FILE),--file '$(FILE)') $(if $(KEEP),--keep)

test: $(READY)
	$(BIN)/python -m pytest -n 2 $(ARGS)

# the same as in `make test`, twenty times as much of it, and every boundary of every argument
fuzz: $(READY)
	FUZZ=20 $(BIN)/python -m pytest tests/contract/test_fuzz.py tests/contract/test_live.py::Judged $(ARGS)

lint: $(READY)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: $(READY)
	$(BIN)/mypy

chaos: $(READY)
	$(BIN)/python -m tests.chaos $(if $(ARGS),$(ARGS),--steps 5000 --minutes 60)

bench: $(READY)
	$(BIN)/python -m tests.bench $(ARGS)

draw: $(READY)
	$(BIN)/python -m automats.drawing

document: $(READY)
	$(BIN)/python -m bitdust_node.api.document

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/.cache
