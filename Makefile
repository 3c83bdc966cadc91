# Each target does all its own set-up; nothing but Python 3.11+, make and the package registry is needed. On macOS
# `make build` and `make test` also need `brew install tdewolff-minify`: the minifier has no wheel there.
# `make help` lists the targets.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory
# Tests run hundreds of processes of our code; where this is set, each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell scripts/find_python.sh)
# Lambda's interpreter, where this machine has it; empty otherwise.
LAMBDA_PYTHON ?= $(shell scripts/find_python.sh 3.13)

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --no-input

# What the artifacts are made of. Bytecode that a test run left behind is not part of it.
SOURCES := $(shell find layers admin functions -type f ! -path '*/__pycache__/*' ! -path '*.egg-info/*' 2>/dev/null) \
           $(wildcard template.yaml samconfig.toml requirements/guard.lock scripts/*.sh scripts/compile_artifact.py scripts/bundle_edge.py scripts/edge_package.py)
ARGS ?=

.PHONY: help run sam-local sam-local-test test check generate format build package bench screenshot lock clean setup runtime soak fuzz mutants sbom

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.stamp ## a local edge at http://localhost:8080 to try things on (ARGS="..." is passed on)
	@exec $(BIN)/python -m edgecors_cli local $(ARGS)

sam-local: build ## prepares `sam local`: a Parameter Store for its containers, templates, lines to paste (ARGS="--upstream URL")
	@exec $(BIN)/python -m edgecors_cli local --sam $(ARGS)

sam-local-test: build ## every sample through `sam local`, in containers (as root with docker.io and debootstrap; CI does it too)
	scripts/with_engine.sh $(BIN)/python -m pytest tests/sam_local $(ARGS)

# The tests that run every branch of the library. Measuring that more than doubles a test's time: the others go without.
COVERING := tests/unit tests/events tests/functions/edge
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: ## everything that is checked and tested; the library's branches must all be covered
	@$(MAKE) --jobs 2 check runtime build .aws-sam/.linted
	$(PYTEST) --cov --cov-report=term --cov-fail-under=100 $(COVERING) $(ARGS)
	$(PYTEST) $(addprefix --ignore=,$(COVERING)) $(ARGS)

check: $(VENV)/.stamp ## formatting, lint, types, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python scripts/typecheck.py
	$(BIN)/python scripts/generate.py --check
	$(BIN)/python scripts/words.py

generate: $(VENV)/.stamp ## writes the files that are made from others (docs/policy.*, deploy/**/{variables.tf,parameters.py})
	$(BIN)/python scripts/generate.py

format: $(VENV)/.stamp ## formats the sources and applies automatic lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

build: .aws-sam/.stamp build/functions/.stamp ## the artifacts that are deployed, in .aws-sam/build and build/functions

package: build/.packaged ## versioned zips with checksums in build/package, for deployment without SAM

bench: .venv-bench/.stamp .venv-sam/.stamp build ## speed, size and memory beside the alternatives (ARGS="--quick", "--json FILE")
	@PYTHONPATH=layers/edgecors:admin:cli:local .venv-bench/bin/python -m bench $(ARGS)

soak: $(VENV)/.stamp .venv-sam/.stamp build ## the harnesses in their long form: a million decisions, events, faults, load (ARGS="--seed 2")
	$(BIN)/python -m harness grants $(ARGS)
	$(BIN)/python -m harness paths $(ARGS)
	$(BIN)/python -m harness bombs $(ARGS)
	$(BIN)/python -m harness functions $(ARGS)
	$(BIN)/python -m harness events $(ARGS)
	$(BIN)/python -m harness faults $(ARGS)
	$(BIN)/python -m harness latency $(ARGS)
	$(BIN)/python -m harness framing $(ARGS)
	$(BIN)/python -m harness load --emulator $(ARGS)

fuzz: .venv-fuzz/.stamp ## coverage-guided fuzzing of the parsers (ARGS="--seconds 600 --target origin")
	.venv-fuzz/bin/python -m harness parsers $(ARGS)

mutants: $(VENV)/.stamp ## small changes of the engine, each of which the tests must notice (about an hour; ARGS="--sample 50")
	$(BIN)/python -m harness mutants $(ARGS)

sbom: $(VENV)/.stamp ## what is in each artifact, with licences, as CycloneDX in build/sbom
	$(BIN)/python scripts/sbom.py

screenshot: $(VENV)/.stamp ## the pictures of the local pages in docs, anew (needs Chromium)
	$(BIN)/python scripts/screenshot.py

lock: $(VENV)/.stamp ## newest allowed versions of everything into requirements/*.lock
	@BIN=$(BIN) scripts/lock.sh

clean: ## removes all that make has made
	rm -rf .venv .venv-sam .venv-lambda .venv-bench .venv-fuzz .venv-deploy .aws-sam build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name .git -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -type d -prune -exec rm -rf {} +

setup: $(VENV)/.stamp # the development environment alone

# The SAM CLI (it also carries Lambda's runtime emulator), the CDK and Terraform, and Lambda's interpreter with Lambda's
# runtime client.
runtime: .venv-sam/.stamp .venv-deploy/.stamp $(if $(LAMBDA_PYTHON),.venv-lambda/.stamp)

# Environments. Each is laid anew when its lock changes, so that nothing from an older one stays behind.
# --no-deps: a lock names everything, and pip can't match hashes with a dependency that asks for extras.
define make-venv
	@test -n "$(1)"
	@echo "installing $(2) (from $(3))"
	@rm -rf $(2)
	@$(1) -m venv $(2)
	@$(2)/bin/python $(PIP_INSTALL) --no-deps --require-hashes -r $(3)
endef

$(VENV)/.locked: requirements/dev.lock
	$(call make-venv,$(PYTHON),$(VENV),requirements/dev.lock)
	@touch $@

$(VENV)/.stamp: $(VENV)/.locked pyproject.toml
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --no-index -e .
	@touch $@

.venv-sam/.stamp: requirements/sam.lock
	$(call make-venv,$(PYTHON),.venv-sam,requirements/sam.lock)
	@touch $@

.venv-lambda/.stamp: requirements/runtime.lock
	$(call make-venv,$(LAMBDA_PYTHON),.venv-lambda,requirements/runtime.lock)
	@touch $@

.venv-fuzz/.stamp: requirements/fuzz.lock
	$(call make-venv,$(or $(LAMBDA_PYTHON),$(PYTHON)),.venv-fuzz,requirements/fuzz.lock)
	@touch $@

.venv-deploy/.stamp: requirements/deploy.lock
	$(call make-venv,$(PYTHON),.venv-deploy,requirements/deploy.lock)
	@touch $@

.venv-bench/.stamp: requirements/bench.lock
	$(call make-venv,$(or $(LAMBDA_PYTHON),$(PYTHON)),.venv-bench,requirements/bench.lock)
	@touch $@

build/.packaged: .aws-sam/.stamp scripts/package.py scripts/transform.py pyproject.toml
	$(BIN)/python scripts/package.py
	@touch $@

# PATH: the artifacts' recipes call `python3 -m pip`, which has to be one that is new enough.
.aws-sam/.stamp: $(SOURCES) build/functions/.stamp scripts/embed_functions.py .venv-sam/.stamp $(VENV)/.stamp
	PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam build
	$(BIN)/python scripts/embed_functions.py .aws-sam/build/template.yaml build/functions
	@touch $@

.aws-sam/.linted: template.yaml .venv-sam/.stamp
	@mkdir -p $(@D)
	SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam validate --lint --template template.yaml
	@touch $@

build/functions/.stamp: $(wildcard functions/viewer/*.js) scripts/build_functions.py $(VENV)/.stamp
	$(BIN)/python scripts/build_functions.py build/functions
	@touch $@
