PYTHON ?= python3.11
EDITION ?= full
SYMLIB_SCALE ?= quick
export SYMLIB_SCALE
ifeq ($(CONDA_DEFAULT_ENV),symlib)  # made by environment.yml
VENV := $(CONDA_PREFIX)
INSTALLED :=
else
VENV := .venv
INSTALLED := $(VENV)/.installed
endif
RUN := $(VENV)/bin/python
TESTS := OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --dist worksteal
PAGES := $(if $(filter course,$(EDITION)),_build/course/)_build/html
SOURCES := $(shell find book symlib tools -type f -not -name '*.ipynb' -not -name '*.pyc') \
           _config.yml _toc.yml requirements.txt

GRADING := assignments answering confine feedback grading hand_ins session lower address

.PHONY: help book check test fuzz mutants matrix serve notebooks numbers assignments bench lint lock clean

help:             ## Say what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

book: $(PAGES)/.built-$(SYMLIB_SCALE)  ## Build the executed book (EDITION=course: without solutions)

check: lint       ## Lint, run the fast tests, and execute the chapters whose code changed
	$(TESTS) -m "not slow"
	$(RUN) -m tools.outputs

test: book assignments  ## Run every test, once the book and the assignments are up to date
	$(TESTS)

fuzz: $(INSTALLED)  ## Try 25,000 malformed inputs, 500 commands, and kill 200 runs
	HYPOTHESIS_PROFILE=many $(TESTS) -s tests/symlib/test_fuzzing.py \
	  tests/symlib/test_properties.py tests/symlib/test_faults.py

mutants: $(INSTALLED)  ## Let mutants of the mathematics meet its tests; MUTANTS=... for some
	OMP_NUM_THREADS=1 JAX_COMPILATION_CACHE_DIR=$(CURDIR)/mutants/compiled \
	  JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 $(VENV)/bin/mutmut run $(MUTANTS)
	$(RUN) -m tools.mutants

matrix: $(INSTALLED)  ## Test on Python 3.11 to 3.13, oldest and newest packages (an hour)
	$(RUN) -m tools.matrix

serve: book       ## Show the book on http://localhost:8000
	$(RUN) -m http.server 8000 --bind 127.0.0.1 --directory $(PAGES)

notebooks: $(INSTALLED)  ## Regenerate book/*.ipynb from the chapters
	$(RUN) -m tools.lower

numbers: $(INSTALLED)  ## Take the numbers of the prose from the executed chapters
	$(RUN) -m tools.outputs --numbers

assignments: _build/assignments/.built  ## Make the student, solution and autograder versions

bench: $(INSTALLED)  ## Time symlib against its peers, and store it for the book
	$(RUN) -m benchmarks

lint: $(INSTALLED)  ## Check format, style, types and spelling
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/codespell

lock: $(INSTALLED)  ## Resolve pyproject.toml into requirements.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade pyproject.toml --all-extras --group oracle \
	  --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" \
	  --output-file requirements.txt

clean:            ## Remove what was built, not what was installed
	rm -rf _build mutants

$(PAGES)/.built-$(SYMLIB_SCALE): $(INSTALLED) $(SOURCES)
	$(RUN) -m tools.build $(EDITION)
	@rm -f $(PAGES)/.built-* && touch $@

_build/assignments/.built: $(INSTALLED) $(wildcard assignments/*) $(GRADING:%=tools/%.py)
	$(RUN) -m tools.assignments build
	@touch $@

$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip sync --quiet requirements.txt
	VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install --quiet --no-deps --editable .
	@touch $@
