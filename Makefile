# MedBook, from a terminal. Needs Python 3.11 or newer and make; nothing else has to be installed.

PYTHON ?= python3
PORT ?= 8000
WORKERS ?= auto
TESTS ?= tests

BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --no-deps --no-compile --require-hashes
KEYS := $$($(BIN)/python -m medbook.new_keys)
NO_DATABASE := DATABASE_URL=postgres://nobody@//nowhere/medbook

# Throw-away keys and no server: for tools that read the settings.
WITH_SETTINGS := env $(KEYS) $(NO_DATABASE) MEDBOOK_ENV=development
AS_IN_PRODUCTION := env $(KEYS) $(NO_DATABASE) MEDBOOK_ENV=production \
	ALLOWED_HOSTS=medbook.example BASE_URL=https://medbook.example \
	REDIS_URL=redis://localhost:6379/0 EMAIL_URL=smtp://localhost:25 \
	SMS_GATEWAY=http SMS_URL=https://sms.example SMS_KEY=of-nobody-at-all

export PORT

.PHONY: help run test check fix messages lock services clean

help:  ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

run: .venv/local  ## database, web server and worker on this machine; PORT=8000
	@exec $(BIN)/python -m medbook.supervisor

test: .venv/dev  ## the tests; TESTS=tests/members WORKERS=0
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

check: .venv/dev  ## format, lint, types, directions of imports, migrations, settings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(WITH_SETTINGS) $(BIN)/mypy .
	$(WITH_SETTINGS) $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	$(AS_IN_PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(PIP) check

fix: .venv/dev  ## repair what a tool can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: .venv/dev  ## collect the texts into locale/ for translation (gettext)
	$(WITH_SETTINGS) $(BIN)/python manage.py makemessages --all --no-location --no-obsolete \
		--no-wrap --ignore .venv --ignore var --ignore tests

lock: .venv/dev  ## pin the requirements anew, with the reason beside each direct one
	for name in requirements requirements-local requirements-gateways requirements-dev; do \
		$(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
			--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
			--output-file $$name.txt $$name.in && \
		awk -f .ci/reasons.awk $$name.in $$name.txt > .venv/$$name && \
		cp .venv/$$name $$name.txt || exit 1; \
	done

services:  ## real servers and a browser on Debian, for developers (root)
	apt-get update
	apt-get install --yes --no-install-recommends \
		postgresql redis-server rabbitmq-server chromium fonts-wqy-microhei gettext

clean:  ## remove what make made, the data too
	@test ! -L var/postgres/elsewhere || rm -rf "$$(readlink var/postgres/elsewhere)"
	rm -rf .venv var staticfiles .coverage .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -f locale/*/LC_MESSAGES/*.mo

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "MedBook needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

# Registries are slow at times: once more before giving up.
.venv/local: .venv/bin/python requirements.txt requirements-local.txt
	$(INSTALL) -r requirements.txt -r requirements-local.txt || \
		$(INSTALL) -r requirements.txt -r requirements-local.txt
	@touch $@

.venv/dev: .venv/local requirements-dev.txt
	$(INSTALL) -r requirements-dev.txt || $(INSTALL) -r requirements-dev.txt
	@touch $@
