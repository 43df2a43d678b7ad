# Everything a contributor runs. `make` alone lists it.

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready

# Slow tests that do not mind each other: rules, pages, frameworks in environments of their own.
APART := tests/anomaly tests/assets tests/docs tests/instrumentation
# Each on a clock of its own; most of the time they wait.
CHAIN := tests/e2e/test_alert_chain.py

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full check build anomalies bench bench-peers rules-cost dashboards-cost bench-frameworks mutations soak servers browser pictures clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make the virtual environment with everything installed

# The stamp is newer than what decides the environment, so a second `make setup` does nothing.
$(READY): pyproject.toml .ci/setup
	@bash .ci/setup $(VENV)
	@touch $@

demo: setup ## Run the example workload and serve its metrics (DEMO_SECONDS=60; 0 runs until stopped)
	@DEMO_SECONDS=$${DEMO_SECONDS:-60} $(PYTHON) -m examples.audit

# On a laptop what cannot be installed is skipped by name; with CI=true it is a failure.
test: setup ## Run the tests, with the real servers and a real browser
	@$(MAKE) --no-print-directory browser || [ "$$CI" != true ]
	@$(MAKE) --no-print-directory servers || [ "$$CI" != true ]
	$(PYTHON) -m pytest -m "not slow" -n auto --dist loadfile

test-full: setup ## Run the slow tests
	@$(MAKE) --no-print-directory browser || [ "$$CI" != true ]
	@$(MAKE) --no-print-directory servers || [ "$$CI" != true ]
	$(PYTHON) -m pytest -m slow -n auto --dist loadfile $(APART)
	$(PYTHON) -m pytest -m slow -n auto $(CHAIN)
	$(PYTHON) -m pytest -m slow $(addprefix --ignore=,$(APART) $(CHAIN))

check: setup ## Check format, lint, import contracts, types and generated files, fastest first
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m ruff check
	$(VENV)/bin/lint-imports --no-logo --no-cache
	$(PYTHON) -m mypy
	$(PYTHON) docs/build.py --check
	$(VENV)/bin/agentmon build --check

build: setup ## Regenerate what is generated from the code: reference, rules, runbooks
	$(PYTHON) docs/build.py
	$(VENV)/bin/agentmon build

bench: setup ## Measure the targets against OpenTelemetry and prometheus_client
	$(PYTHON) -m tests.bench

anomalies: setup ## Compare what sees anomalies, on generated weeks; writes the table of docs/anomalies.md
	$(PYTHON) -m tests.anomaly

rules-cost: setup ## Measure what the rules cost Prometheus, for 10, 100 and 1,000 agents (15 minutes)
	$(PYTHON) -m tests.bench.rules --write

dashboards-cost: setup ## Measure what loading the dashboards takes, for 10 and 100 agents (6 minutes)
	$(PYTHON) -m tests.bench.dashboards --write

bench-peers: setup ## Measure other instrumentation libraries too, each in its own environment
	$(PYTHON) -m tests.bench.peers

bench-frameworks: setup ## Measure what the adapter of each framework adds to it, each in its own environment
	$(PYTHON) -m tests.bench.frameworks

mutations: setup ## Change the code in small ways, one at a time; a test should notice each (an hour)
	$(PYTHON) -m tests.mutation

soak: setup ## Record and export at full rate for SOAK_MINUTES=60, and see that memory stays flat
	$(PYTHON) -m tests.soak --minutes $${SOAK_MINUTES:-60}

servers: ## Fetch the real Prometheus, Alertmanager, Pushgateway, node exporter, VictoriaMetrics and Redis
	@if [ -x $(PYTHON) ]; then python=$(PYTHON); else python=python3; fi; \
		$$python -m tests.servers.fetch

browser: ## Install Chromium and its driver
	@bash .ci/browser

pictures: setup ## Draw every dashboard into docs/images/dashboards, from a workload (PICTURES_MINUTES=15)
	@$(MAKE) --no-print-directory servers || [ "$$CI" != true ]
	@nice $(PYTHON) -m tests.pictures

clean: ## Remove the environment and what the tools leave behind
	rm -rf $(VENV) build dist .coverage .coverage.* htmlcov
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
