# The course's commands. `make help` lists them. Written for POSIX sh and GNU make 3.81 or later.

# Where an answer from outside is needed, give it on the line: `make setup PYTHON=/opt/python3.12/bin/python3`.
# `make setup CPU=1` takes PyTorch's CPU build in Linux, and stays with it; CPU=0 goes back. TORCH_INDEX names an index
# that holds CPU builds, where the usual one cannot be reached.
PYTHON   ?=
CPU      ?=
TORCH_INDEX ?= $(shell cat .venv/.cpu 2>/dev/null)
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
.PHONY: help setup lab run update site test torture mutants lint notebooks measured study bench lock audit FORCE
FORCE:

help:
	@echo "make setup      create .venv with everything in it: 1 to 5 minutes, once; about 6 GB in Linux, less with CPU=1"
	@echo "make lab        open JupyterLab at the first lesson: seconds (sets up first where needed)"
	@echo "make run        execute all lessons without a browser, into build/run: four to eight minutes"
	@echo "make update     get the newest version of the course, and keep the lessons that you edited: a minute"
	@echo "make site       build the lessons as pages to read, into build/site: seconds; once 60 MB more in .venv"
	@echo "make test       check everything that CI checks: up to 20 minutes on two cores"
	@echo "make torture    test the whole of what make test samples (kills, hostile answers, mutants): more than an hour"
	@echo "make mutants    judge right answers with one thing changed: about an hour; stopped, it goes on where it was"
	@echo "make lint       check the style of code and notebooks: a second"
	@echo "make notebooks  execute the lessons and write them back, for those who change them: about a minute a lesson"
	@echo "make measured   run again what is too long for a lesson, into data/measured: about an hour and a half on two cores"
	@echo "make study      run the study of lesson 08 again: hours; stopped or killed, it goes on where it was"
	@echo "make bench      measure speed and growth: minutes; PHOTOS=folder adds recipes of others: an hour a folder"
	@echo "make lock       write both locks from pyproject.toml: seconds, needs the network"
	@echo "make audit      ask PyPI for known vulnerabilities of what requirements.lock names: a minute, needs the network"

# -- Set-up -------------------------------------------------------------------------------------------------
# The stamp .venv/.ready is written last, so that an interrupted set-up starts again. It holds the folder's name:
# an environment does not survive being moved, nor losing the Python that it came from. Where only the versions
# have changed, .venv is updated in place and not cleared: it must outlive an update without a network.
moved := $(shell test "`cat .venv/.ready 2>/dev/null`" = "$(CURDIR)" && $(PY) -c '' >/dev/null 2>&1 || echo FORCE)

# .venv/.cpu stands where the CPU build was asked for, and holds its index. Elsewhere than in Linux there is one build, and nothing to choose.
# The lock names what the CUDA build brings along. So for the CPU build it only says which versions are allowed.
was_cpu := $(wildcard .venv/.cpu)
cpu := $(if $(filter Linux,$(shell uname -s)),$(if $(CPU),$(filter-out 0,$(CPU)),$(was_cpu)))
switch := $(if $(CPU),$(if $(cpu),$(if $(was_cpu),,FORCE),$(if $(was_cpu),FORCE)))
cpu_index := $(if $(TORCH_INDEX),--index "$(TORCH_INDEX)" --index-strategy unsafe-best-match,--torch-backend cpu)
packages := $(if $(cpu),-r pyproject.toml --extra test -c requirements.lock $(cpu_index),-r requirements.lock)

setup: .venv/.ready

# A version manager leaves a `python3.13` on PATH that only says "not found": each candidate is tried, not just
# looked up. Debian's Python comes without ensurepip, which the package python3-venv adds.
# A switch to the CPU build is tried before .venv is cleared, so that what there is stays where it cannot be had.
.venv/.ready: requirements.lock pyproject.toml $(wildcard etc/ipython/*.py) $(moved) $(switch)
	@set -e; \
	no_cpu() { \
	    echo "PyTorch's CPU build could not be had. It is not on PyPI: uv looks for it at $(or $(TORCH_INDEX),download.pytorch.org)." >&2; \
	    echo "Where another index holds it, name that: make setup CPU=1 TORCH_INDEX=address. Or take the CUDA build: make setup CPU=0" >&2; \
	    exit 1; }; \
	if [ -n "$(cpu)" ] && [ -n "$(switch)" ] && [ -f .venv/.ready ] && [ -z "$(moved)" ]; then \
	    $(PY) -m uv pip install --python $(PY) --quiet --dry-run --reinstall $(packages) || no_cpu; \
	fi; \
	if [ -f .venv/.ready ] && [ -z "$(moved)$(switch)$(PYTHON)" ]; then \
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
	    case `uname -s`$(if $(cpu),-cpu) in Linux) echo "In Linux this is PyTorch's CUDA build, about 6 GB on disk. It also runs on a CPU." ;; esac; \
	    "$$found" -m venv --clear .venv; \
	fi; \
	$(PY) -m pip install --quiet --disable-pip-version-check $(UV); \
	$(PY) -m uv pip install --python $(PY) --compile-bytecode $(packages) || { \
	    if [ -n "$(cpu)" ]; then no_cpu; fi; \
	    echo "The packages could not be installed. Check the network and the disk, then run the same command again." >&2; \
	    echo "uv does not read pip's settings: behind a mirror, set UV_DEFAULT_INDEX to its address." >&2; exit 1; }; \
	$(PY) -m uv pip install --python $(PY) --quiet --no-deps --no-build-isolation -e .; \
	mkdir -p .venv/etc && cp -R etc/ipython .venv/etc/; \
	if [ -n "$(cpu)" ]; then printf '%s\n' "$(TORCH_INDEX)" > .venv/.cpu; fi; \
	printf '%s\n' "$(CURDIR)" > .venv/.ready; \
	echo "Ready. \`make lab\` opens the first lesson."

# -- For learners -------------------------------------------------------------------------------------------
# JupyterLab asks nobody for news and updates, and listens on this machine alone. In a container, LAB_IP=0.0.0.0 lets the machine outside in.
lab: setup
	@browser=--no-browser; \
	if [ -n "$$BROWSER$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "`uname -s`" = Darwin ]; then browser=; fi; \
	if [ -n "$$browser" ]; then echo "No browser here: open the address that JupyterLab prints below."; fi; \
	echo "To stop JupyterLab, press Ctrl+C twice."; \
	exec $(PY) -m jupyterlab $$browser --allow-root $(if $(LAB_IP),--ip=$(LAB_IP)) \
	    --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/$(FIRST) \
	    --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate $(LAB_ARGS)

# Two lessons at a time, since some train with one thread alone; they may take 6 GB together. What they measure is disturbed
# by that: JOBS=1 gives each lesson the machine to itself.
JOBS ?= 2
run: setup
	@$(PY) -m helpers run --jobs $(JOBS) $(ARGS)

# The new Makefile sets up what the new version needs. Where .venv is broken or missing, any Python can update.
update:
	@python=$(PY); $$python -c '' >/dev/null 2>&1 || python=python3; $$python -m helpers update
	@$(MAKE) --no-print-directory setup

# The pages need Sphinx, which nobody needs to learn: it is not in requirements.lock. .venv/.site says that it is here, in
# the versions of its own lock, which agree with the other.
site: .venv/.site
	@$(PY) docs/site/build.py $(ARGS)

# What an earlier set-up has fetched is taken without asking the network, which uv would do first.
.venv/.site: .venv/.ready requirements-site.lock
	@install="$(PY) -m uv pip install --python $(PY) --quiet --compile-bytecode -r requirements-site.lock"; \
	$$install --offline 2>/dev/null || $$install || { \
	    echo "Sphinx could not be installed, which makes the pages. Check the network, then run the same command again." >&2; exit 1; }
	@touch .venv/.site

# -- For those who change the course ------------------------------------------------------------------------
lint: setup
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet . || { echo "Format with: $(PY) -m ruff format ." >&2; exit 1; }

# One worker a core, but no more than four: a lesson may take 3 GB. The cells of one notebook stay together.
# In this order whole lessons come early: xdist would hand them out last, and one core would wait for the other.
test: lint
	@$(PY) -m pytest -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder --durations 15 \
	    --nbval-lax --nbval-current-env notebooks tests $(ARGS)

# What takes too long for each change: kills, hostile answers, mutants.
torture: setup
	@$(PY) -m pytest -m torture tests $(ARGS)

# A survivor is a hole in a check, or stands in tests/mutants/equivalent.toml with its reason. Stopped, it goes on where it
# was, and judges no mutant twice but with ARGS=--anew. One exercise or one lesson: `make mutants ARGS="3.2 05"`.
mutants: setup
	@$(PY) -m tests.mutants $(ARGS)

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
	@$(PY) benchmarks/widgets.py
	@$(if $(PHOTOS),$(PY) benchmarks/recipes.py $(PHOTOS) $(ARGS),echo "Name folders of photos for the recipes of others: make bench PHOTOS=path/to/photos")

# Versions and markers only: no addresses, and what pip finds in a folder of this machine does not get in.
lock: setup
	@$(PY) -m uv pip compile --quiet --universal --no-header --no-annotate --extra test \
	    pyproject.toml -o requirements.lock $(ARGS)
	@$(PY) -m uv pip compile --quiet --universal --no-header --no-annotate --group site -c requirements.lock \
	    -o requirements-site.lock $(ARGS)

# pip-audit stays out of .venv: uv fetches it, and runs it in an environment of its own. With --strict it fails where a
# package could not be asked about; without, it would say of all of these that no vulnerability is known.
audit: setup
	@log=`mktemp`; trap 'rm -f "$$log"' EXIT; \
	if $(PY) -m uv tool run --quiet pip-audit==2.10.1 --requirement requirements.lock --no-deps --disable-pip \
	    --strict --progress-spinner off $(ARGS) 2>"$$log"; then echo "Every package of requirements.lock was asked about."; \
	elif grep '^Found' "$$log" >&2; then exit 1; \
	else echo "Not audited (`tail -n 1 "$$log" | sed 's/^ *//'`): this needs the network, and PyPI itself, since mirrors know of no vulnerabilities." >&2; exit 1; fi
