# `make` lists what can be done. Nothing needs to be installed first but Python 3.11+ and make.

PYTHON ?= python3
VENV := .venv/bin/python
MANAGE := $(VENV) manage.py
# Test processes side by side; WORKERS=0 runs the tests in one.
WORKERS ?= 2
# Where `make proof` finds a PostgreSQL server for what only that is asked: make proof PROOF_DATABASE_URL=postgres://…
PROOF_DATABASE_URL ?=
# Further words for `manage.py start` and for pytest, for example: make run ARGS="--port 8001"
ARGS ?=

# Bytecode is written when a module is first read; without it each of many processes would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run passwords test audit check checks lint bandit types contracts migrations schema-drift locks house-rules proof schema format lock screenshots clean environment dev-environment

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: environment  ## start a site with demonstration data at http://127.0.0.1:8000
	@$(MANAGE) start --demo $(ARGS)

passwords: environment  ## give every demo account a new password and print them
	@$(MANAGE) seed_demo --new-passwords

test: dev-environment  ## run the tests; says at the end what was skipped, and why
	$(VENV) -m pytest -rs -n $(WORKERS) $(ARGS)

audit: dev-environment  ## ask whether a locked dependency has a known vulnerability (needs the network)
	@$(VENV) scripts/audit.py

check: checks house-rules  ## what CI checks besides the tests
	@echo "All checks passed."

checks: lint bandit types contracts migrations schema-drift locks

proof: dev-environment  ## run the measurements at full size and properties at random (long), write docs/proof/
	@mkdir -p docs/proof
	WORKBENCH_PROOF_FOLDER=docs/proof $(VENV) -m pytest -m "proof or hypothesis" -n 0 --timeout 3600 -rs --durations 0 $(ARGS)
ifneq ($(PROOF_DATABASE_URL),)
	WORKBENCH_PROOF_FOLDER=docs/proof DATABASE_URL=$(PROOF_DATABASE_URL) $(VENV) -m pytest -m proof -n 0 --timeout 3600 -rs \
		tests/test_retag_at_scale.py tests/governance/test_record_tampering.py
endif

format: dev-environment  ## let ruff put imports and layout in order
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .

schema: dev-environment  ## write the API's OpenAPI schema to docs/openapi.yaml
	$(MANAGE) spectacular --validate --fail-on-warn --file docs/openapi.yaml

lock:  ## resolve the dependencies anew (needs uv)
	uv lock
	uv export --quiet --frozen --no-header --no-emit-project --no-dev --output-file requirements.txt
	uv export --quiet --frozen --no-header --no-emit-project --all-groups --all-extras --output-file requirements-dev.txt

screenshots: dev-environment  ## take the pictures of docs/images anew, of the demonstration (needs chromium)
	@$(VENV) scripts/screenshots.py

clean:  ## remove the environment and caches; keeps the data folder
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) on PATH. Install Python 3.11 or newer, or name one: make run PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) scripts/bootstrap.py

dev-environment:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) on PATH. Install Python 3.11 or newer, or name one: make test PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) scripts/bootstrap.py --dev

lint: dev-environment
	$(VENV) -m ruff check .

bandit: dev-environment
	$(VENV) scripts/check_bandit.py

types: dev-environment
	$(VENV) -m mypy

contracts: dev-environment
	$(VENV) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

migrations: dev-environment
	$(MANAGE) makemigrations --check --dry-run

schema-drift: dev-environment
	$(MANAGE) spectacular --validate --fail-on-warn | diff -u docs/openapi.yaml - \
		|| { echo "docs/openapi.yaml is not the schema of this code: run 'make schema'."; exit 1; }

locks: dev-environment
	$(VENV) scripts/check_locks.py

house-rules: dev-environment
	$(VENV) -m pytest -q -n 0 tests/test_house_rules.py
