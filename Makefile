# make demo   the main job on every broker that is installed, and a site that opens from disk
# make test   the project's own tests
# make peers  the third-party implementations that CI judges
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# Third-party programs live with the clone, unless told otherwise.
export TESTBED_PEERS ?= $(CURDIR)/.peers

.PHONY: demo test lint check peers benchmarks wheel clean

$(READY): pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "the module venv is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

# amqtt (3.1.1) and mqttools (5.0) come from the Python registry alone, so that there is always somebody to judge.
demo: $(READY)
	$(BIN)/python -m testbed.peers.install amqtt mqttools
	$(BIN)/testbed run mqtt-broker-3.1.1 mqtt-broker-5.0 --dut installed --site site --quiet; code=$$?; [ $$code -lt 2 ] || [ $$code -eq 3 ]

# Clients of the Python registry besides, so that there is always one to judge.
test: $(READY) lint
	$(BIN)/python -m testbed.peers.install amqtt mqttools paho-python gmqtt
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/testbed coverage

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

peers: $(READY)
	$(BIN)/python -m testbed.peers.install --ci

benchmarks: $(READY)
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

wheel: $(READY)
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) .peers results site dist
