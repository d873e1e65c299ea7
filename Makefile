# Every target sets up what it needs, on a fresh clone and with Python 3.11 alone; a second run finds it done.

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps
# Torch brings its dependencies itself: its ordinary build for GPUs needs packages that no lock made on a CPU names.
TORCH := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile \
	--constraint requirements/runtime.txt
COMPILE := $(CURDIR)/$(BIN)/pip-compile --quiet --allow-unsafe --unsafe-package pip --strip-extras \
	--no-emit-find-links --no-emit-index-url --no-emit-trusted-host

# Two workers suit the two cores that continuous integration has. The `ci` profile of hypothesis draws the same examples
# in every run and sets no deadline, so that a slow machine fails nothing; plain `pytest` explores new examples.
PYTEST_FLAGS ?= --numprocesses 2 --dist worksteal --hypothesis-profile ci --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench format runtime dev lock clean

help: ## List the targets.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: runtime ## Train on encrypted patients and verify the result, start to end (FLAGS=--keep leaves the service up).
	@scripts/need_softhsm.sh $(BIN)/python wanted
	@$(BIN)/secure-ds demo $(FLAGS)

test: check ## Run the static checks, then all tests.
	@scripts/need_softhsm.sh $(BIN)/python required
	@scripts/need_postgresql.sh
	@$(BIN)/python -m pytest $(PYTEST_FLAGS)

check: dev ## Lint, format check, types and import directions; no tests.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "these files are not formatted; run: make format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: dev ## Measure: all benchmarks, or one with NAME=x; results go to benchmarks/results/.
	@$(BIN)/python -m benchmarks.run $(NAME)

format: dev ## Format the code.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

runtime: $(VENV)/.runtime ## Make the environment with what the service needs.

dev: $(VENV)/.dev ## Make the environment with what tests and checks need as well.

lock: dev ## Resolve requirements/*.in into the pinned requirements/*.txt.
	@$(BIN)/pip install --quiet --disable-pip-version-check pip-tools==7.6.2
	@cd requirements && for name in runtime dev; do CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) $$name.in; done
	@cd requirements && CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) --constraint runtime.txt embeddings.in
	@sed -i 's/^\(torch==[0-9.]*\)+cpu/\1/' requirements/runtime.txt

clean: ## Remove the environment and every cache.
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis .import_linter_cache

$(VENV)/.made:
	@scripts/make_venv.sh $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.made requirements/runtime.txt pyproject.toml
	@echo "installing the pinned requirements"
	@$(TORCH) "$$(grep '^torch==' requirements/runtime.txt)"
	@$(INSTALL) --requirement requirements/runtime.txt
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "installing the pinned requirements of tests and checks"
	@$(INSTALL) --requirement requirements/dev.txt
	@$(BIN)/pip check
	@touch $@
