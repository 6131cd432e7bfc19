# Needs Python 3.11 or newer and make; everything else is installed into .venv and .venv-colab.
PYTHON ?= python3
PIP_FLAGS := --quiet --no-input --disable-pip-version-check
# in CI a skipped test is a failure: what was promised there must have run
PYTEST_FLAGS := $(if $(CI),-p tests.no_skips)

.DEFAULT_GOAL := help
.PHONY: help venv colab-venv browser demo test bench docs screenshots lint format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

venv: .venv/.installed  ## set up .venv: dualcell, every framework, the newest IPython, test and lint tools

colab-venv: .venv-colab/.installed  ## set up .venv-colab: Google Colab's IPython 7.34 and its kernel

# tf-keras asks for the full TensorFlow, whose files would overwrite those of tensorflow-cpu
.venv/.installed: constraints.txt pyproject.toml
	@echo "Setting up .venv (a few minutes the first time)"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[test,lint]' torch tensorflow-cpu keras jax
	@.venv/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt --no-deps tf-keras
	@touch $@

.venv-colab/.installed: constraints-colab.txt pyproject.toml
	@echo "Setting up .venv-colab (a few minutes the first time)"
	@$(PYTHON) -m venv .venv-colab
	@.venv-colab/bin/python -m pip install $(PIP_FLAGS) -c constraints-colab.txt -e . \
	  ipykernel jupyter_client torch tensorflow-cpu keras hypothesis pytest pytest-randomly
	@touch $@

browser: .venv/.browser-installed  ## set up what the browser tests drive: Chromium, JupyterLab, Notebook 7, VS Code

.venv/.browser-installed: .venv/.installed tests/browser/tools.py tests/browser/package-lock.json
	@echo "Setting up the browser tests (a minute the first time)"
	@.venv/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[browser]'
	@.venv/bin/python tests/browser/tools.py
	@touch $@

demo: venv  ## run demo.ipynb in a real kernel, print its tables, write demo.html
	@.venv/bin/python tests/notebook/run_demo.py demo.ipynb demo.html

test: venv colab-venv browser  ## run all tests, on the newest IPython and on Colab's
	@.venv/bin/python -m pytest $(PYTEST_FLAGS)

bench: venv  ## measure speed and memory, write the figures into benchmarks/README.md; BENCH="NAME ..." for some
	@.venv/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[bench]'
	@.venv/bin/python -m benchmarks $(BENCH)

docs: venv  ## write docs/causes.md from the catalogue in the code
	@.venv/bin/python -m dualcell explain --page > docs/causes.md

screenshots: browser  ## take pictures of JupyterLab and VS Code into docs; look at each before committing it
	@.venv/bin/python -m tests.browser.screenshots docs

lint: venv  ## check style, format and types
	@.venv/bin/python -m ruff check
	@.venv/bin/python -m ruff format --check
	@.venv/bin/python -m pyright --pythonpath .venv/bin/python

format: venv  ## format the code and mend what ruff can mend
	@.venv/bin/python -m ruff check --fix
	@.venv/bin/python -m ruff format

clean:  ## remove the environments and everything built
	@rm -rf .venv .venv-colab demo.html build dist .pytest_cache .ruff_cache .hypothesis tests/browser/node_modules
