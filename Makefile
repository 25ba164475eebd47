# Everything a person does here. `make` alone explains the targets from the comments beside them.

SHELL := /bin/sh
VENV := .venv/bin
T ?= tests
TEST_JOBS ?= 3
# Most tests wait for processes, so that two cores carry three workers. A file's tests stay together, and the order is
# kept: browser tests come last in each worker, because no asyncio test can run after one.
PARALLEL := -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder
PG_BIN ?= /usr/lib/postgresql/15/bin
LOCK := .boot/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --no-annotate \
        --python-version 3.12 --excludes tools/lock-excludes.txt --custom-compile-command 'make lock'

.DEFAULT_GOAL := help
.PHONY: help run demo test test-only test-postgres check fmt wheel clean lock setup setup-dev

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

run: setup ## Set everything up and serve Trinity at http://localhost:8000 (Ctrl-C ends it all)
	@exec $(VENV)/trinity up

demo: setup ## Tell the whole story in a fresh directory, without a browser, and verify its proof
	@exec $(VENV)/trinity demo

test: setup-dev check ## Set up, check, and run all tests, those in a real browser included
	@chromium=$$(tools/chromium) || test "$${CI:-}" != true || exit 1; \
	TRINITY_CHROMIUM="$$chromium" exec $(VENV)/pytest -q $(PARALLEL)

test-only: setup-dev ## Run some tests: make test-only T=tests/store
	@TRINITY_CHROMIUM="$$(tools/chromium)" exec $(VENV)/pytest -q $(T)

test-postgres: setup-dev ## Run the tests that stand on PostgreSQL on another server: PG_BIN=/usr/lib/postgresql/15/bin
	@TRINITY_TEST_PG_BIN=$(PG_BIN) exec $(VENV)/pytest -q $(PARALLEL) --only-postgres -m 'not browser' $(T)

check: setup-dev ## Lint, format, strict types, import contracts and the architecture's own tests
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/pytest -q tests/tidy

fmt: setup-dev ## Format the code and mend what can be mended by itself
	$(VENV)/ruff check --fix
	$(VENV)/ruff format

wheel: setup ## Build the wheel into dist/
	$(VENV)/python -m hatchling build -t wheel

clean: ## Remove what was set up and built (never a database: that is TRINITY_HOME's)
	rm -rf .venv .boot dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results

lock: ## Write the locks anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	tools/bootstrap uv
	$(LOCK) $(UPGRADE) pyproject.toml --group build -o requirements.lock
	$(LOCK) $(UPGRADE) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock

setup:
	@tools/bootstrap runtime

setup-dev:
	@tools/bootstrap dev
