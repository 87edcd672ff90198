# `make` lists the targets; each one sets up what it needs in .venv (scripts/setup.py).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_OPTIONS
TESTS := tests/site tests/notebooks tests/exercises tests/unit
# never while notebooks are compared: nbval would measure in every kernel, and wait in vain for an answer
COVER := $(if $(COVERAGE),--cov)

.DEFAULT_GOAL := help
.PHONY: help lab test test-browser notebooks exercises mutants diagrams checkpoints results contents pins format lint types site
.PHONY: screenshots clean setup-lab setup-test

help: ## list the targets
	@echo "make lab                    set up the course in .venv, then open it in JupyterLab"
	@echo "make test                   set up the test tools too, then run every test"
	@echo
	@echo "For maintainers (CONTRIBUTING.md says when):"
	@echo "make test ARGS=tests/unit   run some of the tests: folders, files or notebooks"
	@echo "make test-browser           run the browser tests (needs Chromium)"
	@echo "make notebooks [NB=...]     re-execute and store the notebooks named, or those whose cells changed; then check them"
	@echo "make exercises [NAME=...]   release notebooks/exercises from notebooks/solutions"
	@echo "make mutants [NAME=...]     mutation testing of the exercises' checkers: a chapter (02-granularity), an exercise (2.1), or all"
	@echo "make diagrams               draw images/*.svg"
	@echo "make format                 format and lint the package, the tests and the notebooks"
	@echo "make lint                   ask whether make format would change or refuse anything"
	@echo "make types                  check the types of the package"
	@echo "make site                   build the website in docs/_build/html"
	@echo "make checkpoints            train the networks in data/checkpoints again (a quarter of an hour)"
	@echo "make results [NAME=...]     repeat one of the experiments behind data/results, or list them (minutes to hours)"
	@echo "make screenshots            take the screenshots in README.md (needs Chromium)"
	@echo "make contents               bring the table of chapters in README.md up to date"
	@echo "make pins                   write the versions in .venv to requirements.txt"
	@echo "make clean                  remove .venv and everything built"
	@echo
	@echo "Options: PYTHON=python3.12  PIP_OPTIONS='...' (passed to pip)  NO_BROWSER=1 (make lab only prints the address)"
	@echo "         COVERAGE=1 (make test measures how much of the package it runs)"

# --- learners ---------------------------------------------------------------------------------------------------------------

lab: setup-lab
	@echo "Starting JupyterLab. Stop it with Ctrl-C. If no browser opens, open the address printed below."
	@$(BIN)/python -m scripts.lab $(if $(NO_BROWSER),--no-browser)

test: setup-test
ifdef ARGS
	$(BIN)/python -m pytest $(COVER) $(ARGS)
else # tests, then chapters and solved exercises, each side by side with one thread; no chapter asserts on a time that this overturns
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(COVER) --numprocesses logical --dist worksteal $(TESTS); tests=$$?; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --dist loadfile notebooks/*.ipynb notebooks/solutions && exit $$tests
endif

# --- maintainers ------------------------------------------------------------------------------------------------------------

test-browser: setup-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser --numprocesses 2 --dist loadfile $(ARGS)

notebooks: setup-test
	$(BIN)/python -m scripts.notebooks --check $(NB)

exercises: setup-test
	$(BIN)/python scripts/exercises.py $(NAME)

mutants: setup-test
	$(BIN)/python -m scripts.mutants $(NAME)

diagrams: setup-test
	$(BIN)/python -m scripts.diagrams

checkpoints: setup-test
	$(BIN)/python -m experiments checkpoints --jobs 2

results: setup-test
	$(BIN)/python -m experiments $(NAME)

contents: setup-test
	$(BIN)/python -m scripts.contents

pins: setup-test
	$(BIN)/python scripts/pins.py

format: setup-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup-test
	$(BIN)/python -m mypy

site: setup-test
	$(BIN)/python scripts/site.py

screenshots: setup-test
	$(BIN)/python -m scripts.screenshots

clean:
	rm -rf $(VENV) docs/_build build *.egg-info .pytest_cache .ruff_cache .mypy_cache .coverage .hypothesis

# --- set-up: fast when there is nothing to do, mends itself after an interruption ----------------------------------------------

setup-lab setup-test: setup-%:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found. Install Python 3.11 or newer (https://www.python.org/downloads/)," \
		"or name one you have: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) scripts/setup.py $*
