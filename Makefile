# Every target first installs what it needs; running a target twice changes nothing.
#
#   make run     build, train digits with 40 % label noise while monitoring, explain the alarm, serve until Ctrl-C
#   make test    all tests of all crates, then the tests of the Python package
#   make check   format, lints, documentation, licences, types, then test: what CI runs
#   make build   target/release/rotewatch and target/release/rotewatch-trainer
#   make observe the same training under Prometheus and Alertmanager with this repository's rules, on free ports, until Ctrl-C
#   make share   the dashboards for Grafana's import, in target/dashboards; rules and dashboards for Kubernetes, in target/kubernetes
#   make bench   the benchmarks
#   make onset   the alarm's benchmark on recorded trainings, into target/alarm (10 core hours; goes on where it was interrupted), then
#                the paper's two sweeps and the older benchmark on MNIST, into target/experiments (1 to 2 hours); data from ROTEWATCH_DATA
#   make fuzz    fuzz every parser of untrusted input, FUZZ_SECONDS each (600); needs a nightly toolchain
#   make kills   kill the daemon 200 times, at random moments
#   make soak    50 trainers at once for SOAK_SECONDS (1800), then more load than can be measured; prints the figures
#   make asan    the kernels under AddressSanitizer; needs a nightly toolchain
#   make mutants break the detectors in every way that cargo-mutants knows and check that a test fails
#   make doc     the library's documentation
#   make fmt     format the code
#   make clean   remove everything that was built and installed here
#
# An installed PyTorch 2.13.0 can be used instead of the downloaded one: LIBTORCH_USE_PYTORCH=1 make build, or
# LIBTORCH=/path/to/torch make build.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: build run test check fmt doc bench onset fuzz kills soak asan mutants observe share clean licences observers browser tmux faketime fashion axe grafana-types pytest python-test python-check

PYTHON ?= python3
TORCH_VERSION := 2.13.0
# The libraries that libtorch_cpu of that wheel is linked against; the wheel's other dependencies are for Python and GPUs.
TORCH_NEEDS := nvidia-cuda-runtime==13.0.* nvidia-cuda-cupti==13.0.*
CARGO_DENY := 0.20.2
# Finds accessibility problems in the page; a test runs it in a browser.
AXE_CORE := 4.11.0
CARGO_MUTANTS := 27.1.0
CARGO_FUZZ := 0.13.1
FUZZ_SECONDS ?= 600
SOAK_SECONDS ?= 1800
GRAFANA_SCHEMA := 13.2.3
TYPESCRIPT := 5.9.3
# The schemas of Kubernetes' own kinds, as of 1.37; a test checks the manifests against them.
KUBERNETES_VALIDATE := 1.37.0
# Checks .github against the schemas of GitHub, which it contains.
CHECK_JSONSCHEMA := 0.39.0
# The tools that the benchmarks compare with.
SCIKIT_LEARN := 1.9.1

ifneq ($(LIBTORCH)$(LIBTORCH_USE_PYTORCH),)
  libtorch :=
else
  libtorch := .venv/torch-$(TORCH_VERSION).installed
endif

build: $(libtorch)
	cargo build --release --locked --workspace --bins

run: build
	keep=; if [ -t 1 ]; then keep=--keep-serving; fi; \
	  exec target/release/rotewatch train --task digits --label-noise 0.4 $$keep

test: $(libtorch) observers browser tmux faketime axe grafana-types .venv/kubernetes-validate-$(KUBERNETES_VALIDATE).installed
	cargo test --locked --workspace
	$(MAKE) pytest

python-test:
	cargo build --locked --bin rotewatch
	$(MAKE) pytest

# With the debug build of the daemon that is there: `cargo test` has just linked it. Alone, cargo would build it with fewer features, and all that
# it depends on once more.
pytest: .venv-python/requirements.installed
	cd python && ROTEWATCH_BINARY="$${ROTEWATCH_BINARY:-$(CURDIR)/target/debug/rotewatch}" ../.venv-python/bin/python -m pytest -q

python-check: .venv-python/requirements.installed
	cd python && ../.venv-python/bin/ruff format --check .
	cd python && ../.venv-python/bin/ruff check .
	cd python && ../.venv-python/bin/mypy

check: $(libtorch) licences python-check workflows
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	$(MAKE) test

licences:
	cargo deny --version 2>/dev/null | grep -qF ' $(CARGO_DENY)' || cargo install --locked --version $(CARGO_DENY) cargo-deny
	cargo deny --workspace check licenses bans sources

.PHONY: workflows
workflows: .venv/check-jsonschema-$(CHECK_JSONSCHEMA).installed
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-issue-forms \
	  $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))

fmt: .venv-python/requirements.installed
	cargo fmt --all
	cd python && ../.venv-python/bin/ruff format .

doc: $(libtorch)
	cargo doc --locked --workspace --no-deps

bench: $(libtorch) .venv/scikit-learn-$(SCIKIT_LEARN).installed
	cargo bench --locked --workspace

onset: build fashion .venv-python/requirements.installed
	cd python && export PYTHONPATH=src && \
	  { ../.venv-python/bin/python -m benchmarks.alarm.record judge --out ../target/alarm/captures --packed ../target/alarm/shard \
	      --binary ../target/release/rotewatch || \
	    echo "Some trainings were not recorded; the tables are of the others."; } && \
	  ../.venv-python/bin/python -m benchmarks.alarm.judge ../target/alarm/captures --told --csv ../target/alarm/runs.csv \
	    --tables ../target/alarm/runs | tee ../target/alarm/tables.md
	for grid in onset shuffled-mnist colored-mnist; do \
	  target/release/rotewatch experiment config/experiments/$$grid.yaml --out target/experiments/$$grid; done

observe: build observers
	keep=; if [ -t 1 ]; then keep=--keep-serving; fi; \
	  exec config/prometheus/observe.sh target/release/rotewatch train --task digits --label-noise 0.4 $$keep

share:
	$(PYTHON) dashboards/share.py target/dashboards
	$(PYTHON) config/kubernetes/render.py target/kubernetes

fuzz:
	cargo fuzz --version 2>/dev/null | grep -qF ' $(CARGO_FUZZ)' || cargo install --locked --version $(CARGO_FUZZ) cargo-fuzz
	for target in $(basename $(notdir $(wildcard fuzz/targets/*.rs))); do \
	  mkdir -p fuzz/corpus/$$target fuzz/seeds/$$target; \
	  cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -max_len=65536 -len_control=10 -timeout=30 || exit 1; done

kills:
	ROTEWATCH_KILLS=200 cargo test --locked --test it case_21

soak:
	cargo build --release --locked --bin rotewatch
	cargo bench --locked --bench load -- --seconds $(SOAK_SECONDS)
	cargo bench --locked --bench load -- --seconds 60 --overload

# Only this crate is instrumented, not the standard library that comes with the toolchain.
asan:
	RUSTFLAGS=-Zsanitizer=address cargo +nightly test --locked --package rotewatch-info --target $$(rustc -vV | sed -n 's/^host: //p') \
	  --target-dir target/asan --lib

mutants:
	cargo mutants --version 2>/dev/null | grep -qF ' $(CARGO_MUTANTS)' || cargo install --locked --version $(CARGO_MUTANTS) cargo-mutants
	cargo mutants --no-shuffle --package rotewatch-core --file 'crates/rotewatch-core/src/detect/*.rs' --output target -- --lib detect::

clean:
	rm -rf target .venv .venv-python python/dist

# `.cargo/config.toml` points torch-sys at `.venv/libtorch`. The stamp is written last, so that an incomplete installation is redone.
.venv/torch-$(TORCH_VERSION).installed:
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-deps torch==$(TORCH_VERSION) $(foreach need,$(TORCH_NEEDS),'$(need)')
	ln -sfn "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch" .venv/libtorch
	touch $@

.venv/kubernetes-validate-$(KUBERNETES_VALIDATE).installed:
	test -d .venv || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet kubernetes-validate==$(KUBERNETES_VALIDATE)
	touch $@

.venv/check-jsonschema-$(CHECK_JSONSCHEMA).installed:
	test -d .venv || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet check-jsonschema==$(CHECK_JSONSCHEMA)
	touch $@

.venv/scikit-learn-$(SCIKIT_LEARN).installed:
	test -d .venv || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet scikit-learn==$(SCIKIT_LEARN)
	touch $@

# PyTorch with all its Python dependencies (5 GB, about two minutes), and the frameworks of the Python tests. Separate from
# `.venv`, whose torch deliberately lacks its dependencies.
.venv-python/requirements.installed: python/requirements-test.txt
	$(PYTHON) -m venv .venv-python
	.venv-python/bin/python -m pip install --quiet -r $<
	touch $@

# Debian's packages `prometheus` (with promtool) and `prometheus-alertmanager` (with amtool). Installed only as root; other users
# see the command to run.
observers:
	if command -v promtool >/dev/null && command -v amtool >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager >/dev/null; \
	else echo "Prometheus or Alertmanager is missing, so tests that need them will skip: sudo apt-get install prometheus prometheus-alertmanager"; fi

# Chromium and its driver, for the tests of the page.
browser:
	if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; \
	else echo "chromedriver is missing, so tests of the page will skip: sudo apt-get install chromium chromium-driver"; fi

# Gives a program another time of day, for a test.
faketime:
	if [ -n "$$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null)" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends faketime >/dev/null; \
	else echo "libfaketime is missing, so the test of clocks that jump will skip: sudo apt-get install faketime"; fi

# Grafana's types and the compiler that reads them, for a test of the dashboards.
grafana-types: target/grafana/schema-$(GRAFANA_SCHEMA).installed

target/grafana/schema-$(GRAFANA_SCHEMA).installed:
	mkdir -p target/grafana
	if command -v npm >/dev/null; then \
	  npm install --silent --no-fund --no-audit --prefix target/grafana @grafana/schema@$(GRAFANA_SCHEMA) typescript@$(TYPESCRIPT) >/dev/null && touch $@; \
	else echo "npm is missing, so the dashboards are not checked against Grafana's types: sudo apt-get install npm"; fi

# Fashion-MNIST, for the alarm's benchmark.
fashion:
	if [ -e /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dataset-fashion-mnist >/dev/null; \
	else echo "Fashion-MNIST is missing, so trainings on it are left out: sudo apt-get install dataset-fashion-mnist"; fi

# The terminal that the tests of `rotewatch top` run in.
tmux:
	if command -v tmux >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends tmux >/dev/null; \
	else echo "tmux is missing, so tests of \`rotewatch top\` will skip: sudo apt-get install tmux"; fi

# From npm's registry, by npm if it is installed; nothing of it is part of the program.
axe: target/axe/axe-core-$(AXE_CORE).unpacked

target/axe/axe-core-$(AXE_CORE).unpacked:
	mkdir -p target/axe
	if command -v npm >/dev/null; then \
	  cd target/axe && npm pack --silent axe-core@$(AXE_CORE) >/dev/null && tar -xzf axe-core-$(AXE_CORE).tgz package/axe.min.js && touch $(@F); \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm >/dev/null && $(MAKE) axe; \
	else echo "npm is missing, so the page is not checked for accessibility problems: sudo apt-get install npm"; fi
