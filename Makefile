# Nightshift: what one does with a checkout. `make` alone lists it; every target installs what it needs by itself.

# The first Python on this machine that is new enough; `make PYTHON3=/path/to/python3.13 run` chooses another.
PYTHON3 ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check
COMPILE := CUSTOM_COMPILE_COMMAND="make requirements" $(PYTHON) -m piptools compile --quiet --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options

.DEFAULT_GOAL := help
.PHONY: help run demo screenshots test test-faults chaos lint format bench bench-pages requirements clean chromium

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: $(VENV)/installed ## install, start everything and print the address; Ctrl-C stops it
	@exec $(PYTHON) -m batchsite.run

demo: $(VENV)/installed ## label the shipped example in an installation of its own, without a browser
	@exec $(PYTHON) -m batchsite.demo

test: $(VENV)/installed-dev chromium ## run all tests in two processes; make test ARGS="-k night" runs some, ARGS="-n 0" in one
	@exec $(PYTHON) -m pytest -q -n 2 --dist worksteal $(ARGS)

test-faults: $(VENV)/installed-dev ## kill real processes at every boundary, lose every answer; takes a quarter of an hour
	@exec $(PYTHON) -m pytest -q -m faults tests/faults $(ARGS)

chaos: $(VENV)/installed-dev ## everything fails at random; make chaos MINUTES=5 SEED=1
	@exec $(PYTHON) -m benchmarks.chaos --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED))

# The folder keeps the type checker, which imports the settings, out of an installation that is in use.
lint: $(VENV)/installed-dev ## ruff, and mypy with django-stubs
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@NIGHTSHIFT_HOME=.mypy_cache/home $(PYTHON) -m mypy

format: $(VENV)/installed-dev ## format the code and correct what can be corrected
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

bench: $(VENV)/installed-dev ## measure the whole way of 100,000 documents beside a hand-written script
	@exec $(PYTHON) -m benchmarks.whole_way $(ARGS)

bench-pages: $(VENV)/installed-dev ## time every page and live part in a house of 200,000 documents and 200 batches
	@exec $(PYTHON) -m benchmarks.pages $(ARGS)

screenshots: $(VENV)/installed-dev chromium ## take the pictures of docs/screenshots again; ARGS="night uploads" takes some
	@exec $(PYTHON) docs/screenshots.py $(ARGS)

requirements: $(VENV)/installed-dev ## compile requirements*.in to the pinned requirements*.txt (with Python 3.11)
	@$(COMPILE) --output-file requirements.txt requirements.in
	@$(COMPILE) --output-file requirements-dev.txt requirements-dev.in

clean: ## remove the virtual environment and caches; the installation in var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

$(VENV)/installed: requirements.txt
	@if [ -z "$(PYTHON3)" ]; then \
		echo "Nightshift needs Python 3.11 or newer, and none is on the PATH: install one, or say make PYTHON3=/path/to/python." >&2; \
		exit 1; fi
	@echo "Installing Nightshift into $(VENV); this is needed once and takes about a minute." >&2
	@$(PYTHON3) -m venv $(VENV) || { \
		echo "No virtual environment could be made: on Debian and Ubuntu install the package python3-venv first." >&2; exit 1; }
	@$(PIP) install --quiet -r requirements.txt
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	@echo "Installing what tests and checks need into $(VENV)." >&2
	@$(PIP) install --quiet -r requirements-dev.txt
	@touch $@

chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests." >&2; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; \
	else \
		echo "The browser tests need Chromium, which is not here and which only root can install: apt-get install chromium." >&2; \
		exit 1; fi
