# The course's commands. `make help` lists them. Written for POSIX sh and GNU make 3.81 or later.

# Where an answer from outside is needed, give it on the line: `make setup PYTHON=/opt/python3.12/bin/python3`.
PYTHON   ?=
ARGS     ?=
LAB_ARGS ?=
LAB_IP   ?=

# Threads that wait for work sleep instead of spinning. With another program on the same cores, training small
# networks was 6 to 10 times slower while they spun.
OMP_WAIT_POLICY ?= PASSIVE
export OMP_WAIT_POLICY

UV  := uv==0.13.9
PY  := .venv/bin/python
FIRST := notebooks/00_start_here.ipynb

.DEFAULT_GOAL := help
.PHONY: help setup lab run update test torture lint notebooks measured study bench lock FORCE
FORCE:

help:
	@echo "make setup      create .venv with everything in it: 1 to 5 minutes, once; about 6 GB on disk in Linux"
	@echo "make lab        open JupyterLab at the first lesson: seconds (sets up first where needed)"
	@echo "make run        execute all lessons without a browser, into build/run: about a minute a lesson"
	@echo "make update     get the newest version of the course, and keep the lessons that you edited: a minute"
	@echo "make test       check everything that CI checks: up to 20 minutes on two cores"
	@echo "make torture    the whole of what make test samples, such as every mutant: about an hour on two cores"
	@echo "make lint       check the style of code and notebooks: a second"
	@echo "make notebooks  execute the lessons and write them back, for those who change them: about a minute a lesson"
	@echo "make measured   run again what is too long for a lesson, into data/measured: about two hours on two cores"
	@echo "make study      run the study of lesson 08 again: hours; stopped or killed, it goes on where it was"
	@echo "make bench      measure speed and growth: minutes; PHOTOS=folder adds recipes of others: about an hour a folder"
	@echo "make lock       write requirements.lock from pyproject.toml: seconds, needs the network"

# -- Set-up -------------------------------------------------------------------------------------------------
# The stamp .venv/.ready is written last, so that an interrupted set-up starts again. It holds the folder's name:
# an environment does not survive being moved, nor losing the Python that it came from. Where only the versions
# have changed, .venv is updated in place and not cleared: it must outlive an update without a network.
moved := $(shell test "`cat .venv/.ready 2>/dev/null`" = "$(CURDIR)" && $(PY) -c '' >/dev/null 2>&1 || echo FORCE)

setup: .venv/.ready

# A version manager leaves a `python3.13` on PATH that only says "not found": each candidate is tried, not just
# looked up. Debian's Python comes without ensurepip, which the package python3-venv adds.
.venv/.ready: requirements.lock pyproject.toml $(moved)
	@set -e; \
	if [ -f .venv/.ready ] && [ -z "$(moved)$(PYTHON)" ]; then \
	    echo "The versions have changed. Updating .venv takes about a minute."; \
	else \
	    found=; unfit=; \
	    for name in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3 python); do \
	        version=`"$$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null` || continue; \
	        case $$version in 3.11|3.12|3.13) ;; *) unfit="$$unfit $$name is $$version."; continue ;; esac; \
	        if "$$name" -c 'import ensurepip, venv' 2>/dev/null; then found=$$name; break; fi; \
	        unfit="$$unfit $$name has no ensurepip (Debian and Ubuntu: apt install python$$version-venv)."; \
	    done; \
	    if [ -z "$$found" ]; then \
	        echo "No fitting Python:$${unfit:- none found.} Install Python 3.11, 3.12 or 3.13, or name one: make setup PYTHON=/path/to/python3" >&2; \
	        exit 1; \
	    fi; \
	    echo "Setting up .venv with Python $$version (`command -v "$$found"`). This takes 1 to 5 minutes, once."; \
	    case `uname -s` in Linux) echo "In Linux this is PyTorch's CUDA build, about 6 GB on disk. It also runs on a CPU." ;; esac; \
	    "$$found" -m venv --clear .venv; \
	fi; \
	$(PY) -m pip install --quiet --disable-pip-version-check $(UV); \
	$(PY) -m uv pip install --python $(PY) --compile-bytecode -r requirements.lock || { \
	    echo "The packages could not be installed. Check the network and the disk, then run the same command again." >&2; \
	    echo "uv does not read pip's settings: behind a mirror, set UV_DEFAULT_INDEX to its address." >&2; exit 1; }; \
	$(PY) -m uv pip install --python $(PY) --quiet --no-deps --no-build-isolation -e .; \
	printf '%s\n' "$(CURDIR)" > .venv/.ready; \
	echo "Ready. \`make lab\` opens the first lesson."

# -- For learners -------------------------------------------------------------------------------------------
# JupyterLab listens on this machine alone. In a container, LAB_IP=0.0.0.0 lets the machine outside in.
lab: setup
	@browser=--no-browser; \
	if [ -n "$$BROWSER$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "`uname -s`" = Darwin ]; then browser=; fi; \
	if [ -n "$$browser" ]; then echo "No browser here: open the address that JupyterLab prints below."; fi; \
	echo "To stop JupyterLab, press Ctrl+C twice."; \
	exec $(PY) -m jupyterlab $$browser --allow-root $(if $(LAB_IP),--ip=$(LAB_IP)) \
	    --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/$(FIRST) $(LAB_ARGS)

run: setup
	@$(PY) -m helpers run $(ARGS)

# The new Makefile sets up what the new version needs. Where .venv is broken or missing, any Python can update.
update:
	@python=$(PY); $$python -c '' >/dev/null 2>&1 || python=python3; $$python -m helpers update
	@$(MAKE) --no-print-directory setup

# -- For those who change the course ------------------------------------------------------------------------
lint: setup
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet . || { echo "Format with: $(PY) -m ruff format ." >&2; exit 1; }

# One worker a core, but no more than four: a lesson may take 3 GB. The cells of one notebook stay together.
# In this order whole lessons come early: xdist would hand them out last, and one core would wait for the other.
test: lint
	@$(PY) -m pytest -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder --durations 15 \
	    --nbval-lax --nbval-current-env notebooks tests $(ARGS)

torture: setup
	@$(PY) -m pytest -m torture tests $(ARGS)

notebooks: setup
	@$(PY) -m helpers notebooks $(ARGS)

# What a lesson shows of longer runs. `make measured ARGS="--dataset /path/to/photos"` adds one to those of 05 to 07.
measured: setup
	@$(PY) benchmarks/frozen_backbone.py
	@$(PY) benchmarks/heads.py
	@$(PY) benchmarks/fine_tuning.py $(ARGS)
	@$(PY) benchmarks/lora.py $(ARGS)
	@$(PY) benchmarks/image_sizes.py $(ARGS)

# Each run is kept as soon as it ends: killed at any moment, it goes on from there.
study: setup
	@$(PY) benchmarks/study.py $(ARGS)

# For quiet cores. What is written stands in data/measured. A recipe of others is fastai's, which is not installed here:
# the program says how, or leaves it out with ARGS="--without fastai".
PHOTOS ?=
bench: setup
	@$(PY) benchmarks/features.py
	@$(PY) benchmarks/growth.py
	@$(if $(PHOTOS),$(PY) benchmarks/recipes.py $(PHOTOS) $(ARGS),echo "Name folders of photos for the recipes of others: make bench PHOTOS=path/to/photos")

# Versions and markers only: no addresses, and what pip finds in a folder of this machine does not get in.
lock: setup
	@$(PY) -m uv pip compile --quiet --universal --no-header --no-annotate --extra test \
	    pyproject.toml -o requirements.lock $(ARGS)
