# Two commands on a fresh machine (Python 3.11, g++, make): `make demo` and `make test`.

PYTHON ?= python3.11
TORCH := 2.13.0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint types unit coverage docs bench clean install

demo: $(READY)
	$(BIN)/fireline demo --out runs/demo

test: lint types unit

install: $(READY)

# The CPU build of PyTorch lies on its own index, except where a mirror already has it.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-deps torch==$(TORCH)+cpu 2>/dev/null || \
	$(BIN)/pip install --quiet --no-deps torch==$(TORCH)+cpu --index-url https://download.pytorch.org/whl/cpu
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,docs,rtl]'
	touch $@

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# Packages are checked as they are installed, because the folders get their import names only then.
types: $(READY)
	rm -rf build/types
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --target build/types .
	MYPYPATH=build/types $(BIN)/mypy -p fireline

unit: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

# The same tests and the lines that none reaches. Counting lines takes Python 3.11 nearly twice the time.
coverage: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal --cov

docs: $(READY)
	$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees docs build/site

# Against peers, on a quiet machine: `make bench DATE=2026-11-21` writes docs/benchmarks.md. Needs the extra [bench].
bench: $(READY)
	$(BIN)/python -m bench.all --date $(DATE)

clean:
	rm -rf build runs
