# What can be done with this checkout; `make` alone lists it. Each build is one preset of
# CMakePresets.json, and .ci/run calls these same targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules

JOBS ?= $(shell nproc)
ARGS ?=
PYTEST_ARGS ?=
FUZZ_TIMES ?= 1
KILLS ?= 50
SEED ?= 1
SEEDS ?= 10000
SEEDS_MAX ?= 500
FROM ?= 1
SECONDS_MAX ?= 600

# Runs a command and shows what it said only when it fails.
quietly = out=$$($(1) 2>&1) || { printf '%s\n' "$$out" >&2; exit 1; }

.PHONY: help
help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  awk -F'\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: run
run: ## Install what is missing, build, and start: live Finnhub with FINNHUB_API_TOKEN, else a simulated market (ARGS=... go to `tapeline run`)
	@scripts/setup run
	@$(MAKE) build/release/build.ninja
	@ninja -C build/release -j $(JOBS) tapeline
	@exec build/release/tapeline run $(ARGS)

.PHONY: build
build: ## Build the release program, build/release/tapeline
	@scripts/setup run
	@$(MAKE) build/release/build.ninja
	@ninja -C build/release -j $(JOBS) tapeline

.PHONY: test
test: ## Everything that needs no service: unit, property, contract, engine, black-box and browser tests, structure, formatting
	@scripts/setup test
	@$(MAKE) build/dev/build.ninja
	@ninja -C build/dev -j $(JOBS) all header_check
	@$(MAKE) lint
	@scripts/test dev

.PHONY: test-services
test-services: ## Tests against real programs of others, installed for it: Spark reads the log (PYTEST_ARGS=... go to pytest)
	@scripts/setup services
	@$(MAKE) build/dev/build.ninja
	@ninja -C build/dev -j $(JOBS) tapeline
	@scripts/test-services

# The large recordings run ten times as long there, and nothing that the small one does not run. Over
# the socket a build that slow meets the short time limits that those tests set. Kills are about files.
# No spaces within: scripts/test splits there.
ASAN_LEAVES_OUT := -m not(large_recording) \
  $(foreach name,socket crash eligible duplicates recompute,--ignore=tests/e2e/test_$(name).py)

.PHONY: asan
asan: ## Unit and black-box tests, without the large recordings, under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/setup test
	@$(MAKE) build/asan/build.ninja
	@ninja -C build/asan -j $(JOBS)
	@PYTEST_PATHS=tests/e2e PYTEST_ARGS="$(ASAN_LEAVES_OUT)" scripts/test asan

# The other modules have no threads.
TSAN_MODULES := base log net store ingest simulate serve app

.PHONY: tsan
tsan: ## Unit and black-box tests where threads meet, under ThreadSanitizer
	@scripts/setup test
	@$(MAKE) build/tsan/build.ninja
	@ninja -C build/tsan -j $(JOBS) tapeline $(TSAN_MODULES:%=tapeline_%_test)
	@CTEST_ARGS="-R ^unit_($(shell tr ' ' '|' <<<'$(TSAN_MODULES)'))$$" PYTEST_PATHS='tests/e2e/test_live.py tests/e2e/test_api.py tests/e2e/test_run.py tests/e2e/test_hand.py' scripts/test tsan

.PHONY: crash
crash: ## Kill Tapeline KILLS (50) times with kill -9, at named points and at random, and look whether it kept its word
	@scripts/setup test
	@$(MAKE) build/dev/build.ninja
	@ninja -C build/dev -j $(JOBS) tapeline
	@TAPELINE_BIN=build/dev/tapeline scripts/python tests/crash/crash_loop.py --kills $(KILLS) --seed $(SEED)

.PHONY: fuzz
fuzz: ## Execute every fuzz target FUZZ_TIMES (1) times as often as fuzz/executions says, starting from its corpus
	@scripts/setup all
	@$(MAKE) build/fuzz/build.ninja
	@ninja -C build/fuzz -j $(JOBS) fuzzers
	@scripts/fuzz $(FUZZ_TIMES)

.PHONY: simulation
simulation: ## Run the whole pipeline in a simulated world over SEEDS (10000) seeds from FROM (1), within SECONDS_MAX (600) seconds
	@scripts/setup test
	@$(MAKE) build/dev/build.ninja
	@ninja -C build/dev -j $(JOBS) tapeline_simulation
	@build/dev/tests/tapeline_simulation --seeds $(SEEDS) --from $(FROM) \
	  --processes $(JOBS) --seconds $(SECONDS_MAX)

.PHONY: mutants
mutants: ## Put each bug of src/base/mutant.h into the simulation; fails unless SEEDS_MAX (500) seeds find it (ARGS=... names some)
	@scripts/setup test
	@$(MAKE) build/mutants/build.ninja
	@ninja -C build/mutants -j $(JOBS) tapeline_simulation
	@scripts/python tests/simulation/mutants.py build/mutants/tests/tapeline_simulation \
	  --seeds $(SEEDS_MAX) --jobs $(JOBS) $(ARGS)

# A night has other kills and other worlds than the one before. What fails does not keep the rest from running.
NIGHT := $(shell echo $$(($$(date +%s) / 86400)))

.PHONY: nightly
nightly: ## What takes hours: 1,000 kills, 100,000 seeds of the simulation, 20 times the executions of every fuzz target
	@failed=; \
	$(MAKE) crash KILLS=1000 SEED=$(NIGHT) || failed+=' crash'; \
	$(MAKE) simulation SEEDS=100000 FROM=$$(($(NIGHT) * 100000)) SECONDS_MAX=14400 || failed+=' simulation'; \
	$(MAKE) fuzz FUZZ_TIMES=20 || failed+=' fuzz'; \
	[[ -z $$failed ]] || { echo "nightly: failed:$$failed" >&2; exit 1; }

.PHONY: bench
bench: ## Build the benchmarks in build/bench and run them
	@scripts/setup all
	@$(MAKE) build/bench/build.ninja
	@ninja -C build/bench -j $(JOBS)
	@scripts/bench $(ARGS)

.PHONY: coverage
coverage: ## Line coverage of the unit tests, as build/coverage/report.html
	@scripts/setup all
	@$(MAKE) build/coverage/build.ninja
	@ninja -C build/coverage -j $(JOBS)
	@find build/coverage -name '*.gcda' -delete
	@scripts/test coverage --unit
	@gcovr --root . --object-directory build/coverage --filter src/ --exclude '.*_test\.cc' \
	  --exclude-throw-branches --html build/coverage/report.html --print-summary

.PHONY: format
format: ## Format all C++ files in place
	@git ls-files -co --exclude-standard -- '*.cc' '*.h' | xargs -r clang-format-16 -i

.PHONY: lint
lint: ## Check formatting and scripts, without changing anything
	@scripts/lint

.PHONY: tidy
tidy: ## clang-tidy over the sources that differ from the main branch (ARGS=--all: over all of them)
	@scripts/setup all
	@$(MAKE) build/dev/build.ninja
	@scripts/tidy $(ARGS)

.PHONY: screens
screens: ## Take the screenshots of the documentation anew
	@scripts/setup test
	@$(MAKE) build
	@scripts/screens

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf build web/node_modules web/dist

# Ninja itself sees when a CMakeLists.txt changes, but not a preset.
build/%/build.ninja: CMakePresets.json
	@$(call quietly,cmake --preset $*)
