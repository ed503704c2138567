# All commands. `make` alone prints them, from the comments beside them, and their settings.

PYTHON ?= python3
VENV ?= .venv
TORCH ?=
PROFILE ?= standard
SEED ?= 0
NOTEBOOKS ?=
ASSIGNMENT ?=
SWEEP ?=
DRY ?=
ON ?=
FORMAT ?= both
AUTHOR ?=
ROLL ?=
NAME ?=
REPORT ?=
RERUN ?=
A ?=
B ?=
SUBMISSIONS ?=
# Recipes read these from their environment, where a name such as O'Brien needs no quotes.
export TORCH PROFILE SEED NOTEBOOKS ASSIGNMENT SWEEP DRY ON FORMAT AUTHOR ROLL NAME REPORT RERUN A B SUBMISSIONS
export DATA DATA_DIR

# Quoted, since the path may have spaces. The user's PYTHON... variables do not count, nor packages outside of VENV.
BIN := "$(VENV)"/bin
PY := $(BIN)/python -E -s -X utf8
READY := $(VENV)/.ready
$(if $(word 2,$(VENV)),$(error VENV has a space, which make cannot have in it: name another folder))

.DEFAULT_GOAL := help
.PHONY: help setup report open sweep results check compare recheck bench test lab chapter data style types lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  settings: PROFILE=quick|standard|original SEED=0 NOTEBOOKS="01 02" ASSIGNMENT=a|b'
	@echo '            FORMAT=html|pdf|both DATA_DIR=data DATA=real|sample AUTHOR="..." ROLL="..."'
	@echo '            SWEEP=workflow/sweeps/seeds.yaml DRY=1 ON=slurm'
	@echo '            REPORT=reports/standard/report.pdf RERUN="01 05" SUBMISSIONS=folder A=... B=...'
	@echo '            PYTHON=python3 VENV=.venv TORCH=cpu|cuda (what the environment is made of: delete it to change them)'

setup: $(READY) ## make the environment, which every other command makes too when it is not there

report: $(READY) ## run the notebooks that are not up to date, build reports/<profile>/report.html and report.pdf
	@$(PY) -m workflow.report --profile "$$PROFILE" --seed "$$SEED" --notebooks "$$NOTEBOOKS" \
		--assignment "$$ASSIGNMENT" --format "$$FORMAT" --sweep "$$SWEEP" --author "$$AUTHOR" --roll "$$ROLL" \
		--on "$$ON" $(if $(DRY),--dry)

# A profile that nobody has named is any profile.
open: $(READY) ## show the newest report in the browser, or the one of PROFILE, NOTEBOOKS or ASSIGNMENT
	@$(PY) -m workflow.open --profile "$(if $(filter file,$(origin PROFILE)),,$$PROFILE)" \
		--notebooks "$$NOTEBOOKS" --assignment "$$ASSIGNMENT"

sweep: $(READY) ## run many seeds and settings, as a file in workflow/sweeps/ says: SWEEP=... (DRY=1 only plans)
	@$(PY) -m workflow.sweep "$$SWEEP" --profile "$$PROFILE" --on "$$ON" $(if $(DRY),--dry)

results: $(READY) ## write the headlines of the finished runs into the README's table and reports/results.json
	@$(PY) -m workflow.results_table --profile "$$PROFILE"

bench: $(READY) ## measure this machine, every training step and the chapters: reports/bench/bench.json
	@$(PY) -m workflow.bench

test: $(READY) ## run all tests
	@$(PY) -m pytest

lab: $(READY) ## open the notebooks in JupyterLab
	@$(PY) -m workflow.data
	@$(BIN)/jupyter lab --ServerApp.ip=localhost $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

chapter: $(READY) ## begin a chapter of your own, which runs at once: NAME=09_mine
	@$(PY) -m workflow.new_chapter "$$NAME"

data: $(READY) ## download what is missing of the data sets into DATA_DIR, and check them
	@$(PY) -m workflow.data

check: $(if $(REPORT),$(READY),style types) ## check style and types, run the fast tests; with REPORT=...: is a report what its evidence says?
	@$(if $(REPORT),$(PY) -m workflow.check --rerun="$$RERUN" -- "$$REPORT",$(PY) -m pytest -m 'not slow')

compare: $(READY) ## show two sets of results side by side, what is beyond noise first: A=... B=..., folders or reports
	@$(PY) -m workflow.check.compare -- "$$A" "$$B"

recheck: $(READY) ## check every report in a folder, and write a grader's sheet for each: SUBMISSIONS=...
	@$(PY) -m workflow.check.recheck --rerun="$$RERUN" --on="$$ON" $(if $(DRY),--dry) -- "$$SUBMISSIONS"

style: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb
	@$(BIN)/snakefmt --check workflow/Snakefile workflow/check/Snakefile

types: $(READY)
	@$(BIN)/mypy

lock: $(READY) ## after a change of requirements.txt: write all packages that it needs, with their hashes, to requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.txt -o requirements.lock

clean: ## delete everything that was built; never the data
	@find reports -mindepth 1 -maxdepth 1 ! -name report.toml ! -name results.json ! -name 'preview-*.png' -exec rm -rf {} +
	@rm -rf .snakemake .pytest_cache .ruff_cache .mypy_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
	@echo "reports are gone; data and $(VENV) are kept"

# The environment: made once, brought up to date when its sources change. An interrupted setup starts from the beginning.
$(READY): requirements.lock pyproject.toml workflow/setup.sh
	@sh workflow/setup.sh '$(PYTHON)' '$(VENV)'
	@touch $@
