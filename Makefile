# `make demo` and `make test` on a fresh machine with Python 3.11 or 3.12 and g++; everything else goes to .venv.
#   PYTHON=...  the Python to build with      TRITON=1 / TRITON=0  install Triton or not (default: with a GPU)
#   ARGS=...    handed to what the target runs

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
SHARED ?= ../shared
ARGS ?=

EXTENSION_SOURCES := CMakeLists.txt pyproject.toml $(shell find csrc -path csrc/inplace -prune -o \( -name "*.cpp" -o -name "*.h" -o -name CMakeLists.txt \) -print)

.PHONY: help build demo test lint conformance conformance-update docs perf clean

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 22

$(VENV)/.made:
	@python="$$(scripts/find_python.sh)"; echo "making $(VENV) with $$python"; \
	"$$python" -m venv --clear $(VENV)
	@touch $@

# One stamp a set of requirements: build, and the extras of pyproject.toml.
$(VENV)/.has-%: $(VENV)/.made pyproject.toml scripts/requirements.py
	@echo "installing what '$*' needs"
	@$(PY) scripts/requirements.py $* > $(VENV)/$*.txt
	@$(PIP) install -r $(VENV)/$*.txt
	@touch $@

$(VENV)/.built: $(VENV)/.has-build $(EXTENSION_SOURCES)
	@echo "building tritorch._C (a minute or two the first time)"
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) \
	$(PIP) install --no-build-isolation --no-deps --force-reinstall -e .
	@touch $@

build: $(VENV)/.built ## build the extension into tritorch/, in .venv

demo: $(VENV)/.built $(VENV)/.has-demo ## train a small network on real handwritten digits
	@$(PY) -m examples.digits $(ARGS)

test: $(VENV)/.built $(VENV)/.has-test $(VENV)/.has-demo $(VENV)/.has-examples ## run every test; ARGS="-k name" for some
	@OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) $(ARGS)  # a process a core: BLAS must not add threads of its own

lint: $(VENV)/.built $(VENV)/.has-test $(VENV)/.has-dev ## ruff, pyright, clang-format
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/pyright --pythonpath $(PY)
	@git ls-files 'csrc/*.cpp' 'csrc/*.h' | xargs $(VENV)/bin/clang-format --dry-run --Werror

conformance: $(VENV)/.built ## torch's own operator samples, against the baseline
	@$(PY) tests/conformance/run.py --corpus $(SHARED)/conformance --jobs $(JOBS) $(ARGS)

conformance-update: $(VENV)/.built ## rewrite the baseline, if nothing got worse
	@$(PY) tests/conformance/run.py --corpus $(SHARED)/conformance --jobs $(JOBS) --update $(ARGS)

docs: $(VENV)/.built ## write docs/reference.md and the stub files from the registry
	@$(PY) scripts/make_docs.py
	@$(PY) scripts/make_stubs.py

perf: $(VENV)/.built $(VENV)/.has-perf ## time the quick suite against itself: figures, noise, verdicts; kept in build/perf.sqlite
	@$(PY) -m perf run --quick $(ARGS) || [ $$? -eq 2 ]  # 2: undecided, which a busy machine makes

clean: ## remove everything that was built or installed here
	rm -rf $(VENV) build dist tritorch/_C*.so .pytest_cache .ruff_cache .hypothesis
	find csrc/inplace -mindepth 1 ! -name CMakeLists.txt -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
