# Needs Python 3.10 or newer and make; uses uv when it is there.
#
#   make check TARGET=path   lint a project (default: the demo application under fixtures/demo)
#   make test                run every test, the linters and the type checker
#   make fuzz                try hostile input for ten minutes
#   make site                build the site of the documentation in build/site/html
#   make vscode              build, test and package the extension of VS Code (needs Node 20 or newer)
#   make release             build wheel and sdist, and try both in clean environments
#
# PYTHON=... names the interpreter, VENV=... the environment's folder (no spaces; everything else may hold some).

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV ?= .venv
DEMO := fixtures/demo
PY := $(VENV)/bin/python
# Values that a user gives reach the shell as environment variables, so that no character in them is special.
export TARGET PYTHON FUZZ_SECONDS FUZZ_SEED

.PHONY: help check test pytest lint format rules screenshot site vscode bless fuzz prove-fixes release clean

help:
	@sed -n 's/^#   //p' Makefile

# A folder without a working interpreter is an environment that was left half made, or whose Python is gone.
$(PY):
	@rm -rf "$(VENV)"
	@if command -v uv >/dev/null 2>&1; then \
	    uv venv --quiet --seed --python "$${PYTHON:->=3.10}" "$(VENV)" && exit 0; \
	    echo "uv could not make an environment; trying python -m venv" >&2; rm -rf "$(VENV)"; \
	fi; \
	set -- python3.14 python3.13 python3.12 python3.11 python3.10 python3 python; \
	if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; fi; \
	for candidate in "$$@"; do \
	    if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then \
	        echo "using $$("$$candidate" --version) ($$candidate)" >&2; \
	        exec "$$candidate" -m venv "$(VENV)"; \
	    fi; \
	done; \
	echo "no Python 3.10 or newer with venv was found (tried: $$*); name one with PYTHON=..." >&2; exit 1

# $(1): what is installed. When uv cannot reach its index, pip (with its own configuration) may.
define install
	@if command -v uv >/dev/null 2>&1 && uv pip install --quiet --python "$(PY)" -e '$(1)'; then :; else \
	    "$(PY)" -m pip install --quiet --disable-pip-version-check 'pip>=22.3' \
	    && "$(PY)" -m pip install --quiet --disable-pip-version-check -e '$(1)'; \
	fi
	@touch "$@"
endef

$(VENV)/.runtime: pyproject.toml | $(PY)
	$(call install,.)

$(VENV)/.dev: pyproject.toml | $(PY)
	$(call install,.[dev])
	@touch "$(VENV)/.runtime"

$(VENV)/.site: pyproject.toml | $(PY)
	$(call install,.[site])

check: $(VENV)/.runtime
	@if [ -n "$$TARGET" ]; then exec "$(PY)" -m fastapi_lint check -- "$$TARGET"; fi; \
	"$(PY)" -m fastapi_lint check --exit-zero $(DEMO) \
	&& echo "These findings are planted in $(DEMO); lint your own project with: make check TARGET=path"

test: lint pytest

pytest: $(VENV)/.dev
	"$(PY)" -m pytest -n auto --dist worksteal

lint: $(VENV)/.dev
	"$(PY)" -m ruff check .
	"$(PY)" -m ruff format --check .
	"$(PY)" -m mypy

format: $(VENV)/.dev
	"$(PY)" -m ruff check --fix .
	"$(PY)" -m ruff format .

# rules.md from the rules and their fixtures, and docs/configuration.md from the schema.
rules: $(VENV)/.dev
	@"$(PY)" tests/rules_document.py > rules.md.new && mv rules.md.new rules.md || { rm -f rules.md.new; exit 1; }
	@"$(PY)" -m fastapi_lint config --reference > rules.md.new && mv rules.md.new docs/configuration.md \
	|| { rm -f rules.md.new; exit 1; }

# The picture of the console in README.md.
screenshot: $(VENV)/.dev
	@PYTHONPATH=src:tests "$(PY)" tests/screenshot.py > console.svg.new && mv console.svg.new docs/console.svg \
	|| { rm -f console.svg.new; exit 1; }

# The site from the rules, their fixtures and the documents, strictly: a warning or a link that leads nowhere fails. Look
# at it with `python -m http.server --directory build/site/html`. Where it is published stands in RULES_URL of rule.py.
site: $(VENV)/.site
	"$(PY)" tests/site_pages.py build/site
	"$(VENV)/bin/zensical" build --strict --clean --config-file build/site/mkdocs.yml
	"$(PY)" tests/site_links.py build/site/html

# The extension of VS Code in editors/vscode: types, bundle, tests without VS Code, and fastapi-lint.vsix.
vscode:
	cd editors/vscode && npm ci --no-fund --no-audit && npm test && npm run package

# Hostile input with ever new seeds, for ten minutes (FUZZ_SECONDS=..., FUZZ_SEED=... for the same seeds again); `make
# test` and .ci/run hold short slices of it. Coverage-guided fuzzing needs atheris; the rest is done without it.
fuzz: $(VENV)/.dev
	@"$(PY)" -c 'import atheris' 2>/dev/null || "$(PY)" -m pip install --quiet --disable-pip-version-check -e '.[fuzz]' \
	|| echo "atheris could not be installed" >&2
	@"$(PY)" tests/fuzz/repeat.py "$${FUZZ_SECONDS:-600}" $$FUZZ_SEED

# The proofs of the fixes: equal OpenAPI documents and answers, generated signatures; with PROJECTS="folder ..." also
# copies of real projects, fixed and compared.
prove-fixes: $(VENV)/.dev
	"$(PY)" -m pytest tests/fixes -n auto
	@if [ -n "$(PROJECTS)" ]; then "$(PY)" benchmarks/prove_fixes.py $(PROJECTS); fi

# Write what fixes make of the fixtures as the new fixed.py; expectations in the fixtures are never written.
bless: $(VENV)/.dev
	FASTAPI_LINT_BLESS=1 "$(PY)" -m pytest tests/test_fixtures.py -n auto

# Wheel and sdist in dist/, checked as a user would meet them: `twine check`, then each is installed into an environment
# of its own and run there.
release: $(PY)
	rm -rf dist build/release
	"$(PY)" -m venv build/release/tools
	build/release/tools/bin/python -m pip install --quiet --disable-pip-version-check build twine
	build/release/tools/bin/python -m build --outdir dist .
	build/release/tools/bin/python -m twine check --strict dist/*
	"$(PY)" tests/check_release.py dist build/release

clean:
	rm -rf "$(VENV)" build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .fastapi_lint_cache
