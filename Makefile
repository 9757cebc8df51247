# Two commands do it all on a fresh machine with Python 3.11 and make:  make reports   make test
MUNICIPALITY ?= sample
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
UV := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)

.PHONY: reports test check lab apps bench lock install clean help
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

install: .venv/.installed  ## .venv with everything in requirements.lock

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "gsan needs Python 3.11 or later, this is %d.%d. Set PYTHON=..." % v[:2])'
	@echo "설치: .venv에 requirements.lock의 꾸러미를 넣습니다 / installing the locked packages"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@$(BIN)/jupyter kernelspec install --sys-prefix --name gsan gsan_lib/assets/kernels/gsan 2>/dev/null
	@touch $@

reports: install  ## MUNICIPALITY=sample: data bank, case studies, casebook
	@$(BIN)/gsan bank build $(MUNICIPALITY)
	@$(BIN)/gsan report run $(MUNICIPALITY)
	@$(BIN)/gsan casebook build

# one process more than processors: many tests wait for a kernel, a browser or a limit of time
test: install  ## everything testable here; names what it leaves out
	@$(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print(1 + (os.cpu_count() or 1))') --dist loadfile

check: install  ## formats, cleans, exports, lints, checks imports, runs the library notebooks
	@$(BIN)/ruff format --quiet .
	@$(BIN)/nbdev-clean && $(BIN)/nbdev-clean --fname notebooks/cases && $(BIN)/nbdev-clean --fname notebooks/tours
	@$(BIN)/nbdev-export
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/nbdev-test --n-workers 2

lab: install  ## JupyterLab with the notebooks
	@$(BIN)/jupyter lab --notebook-dir=notebooks

bench: install  ## every measured claim of the README
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

lock: install  ## requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --all-extras --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock

clean:  ## removes what was built, never the bank's raw drops or the reports
	@rm -rf .venv build dist casebook .pytest_cache .mypy_cache .ruff_cache
