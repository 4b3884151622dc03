# Needs python3 >= 3.10 with venv; another one: make demo PYTHON=python3.12. What there is: make help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-slow samples docs lint help

demo: $(VENV)/installed             ## drums for a sample bass line, from nothing
	@mkdir -p demo
	$(BIN)/basedrum generate samples/funk.mid -o demo/funk.mid
	$(BIN)/basedrum generate samples/funk.mid -o demo/funk-drums.mid --drums-only
	@echo
	@echo "Open demo/funk.mid (bass and drums) or demo/funk-drums.mid (the drums alone) in any MIDI player."
	@echo "Then try your own:  $(BIN)/basedrum generate YOUR.mid --seed 2"

test: $(VENV)/installed-dev         ## the tests, all that are not slow
	$(BIN)/python -m pytest -q -m "not slow"

test-slow: $(VENV)/installed-dev    ## the slow tests: fuzzing, kills, notebooks
	$(BIN)/python -m pytest -q -m slow

samples: $(VENV)/installed          ## make the sample bass lines and their drums again
	$(BIN)/python samples/make_samples.py

docs: $(VENV)/installed             ## docs/options.md, from the options of the code
	$(BIN)/python -m basedrum.play_options > docs/options.md

lint: $(VENV)/installed-dev         ## style and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy basedrum

help:                               ## these lines
	@sed -n 's/^\([a-z-]*\):.*##/make \1:/p' Makefile

# The stamps: nothing is installed again until what is to be installed changes.
$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "basedrum needs Python 3.10 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "no venv in this Python; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(INSTALL) -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) -e '.[dev]'
	@touch $@
