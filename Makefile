# make help lists the targets. Go alone is needed, except where a line says more.

GO ?= go
# How long each fuzzer runs in "make fuzz"; "make test-all" gives each 3s.
FUZZTIME ?= 30s
# How long "make chaos" goes on with rounds of faults, and how long with batches of
# all shapes.
CHAOS ?= 30m
BATCHES ?= 10m
# Where "make bench" writes.
BENCH ?= .cache/bench
# A process with the race detector otherwise ends a second later.
export GORACE = atexit_sleep_ms=10
# Tools run at a named version, from the module proxy; nothing is installed.
GOLANGCI_LINT = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
export GORELEASER = $(GO) run github.com/goreleaser/goreleaser/v2@v2.15.1
export GOTESTSUM = $(GO) run gotest.tools/gotestsum@v1.13.0

.DEFAULT_GOAL := build

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## The program, as bin/pageheat
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -o bin/pageheat ./cmd/pageheat

.PHONY: demo
demo: build ## Everything in one process, with an embedded broker: http://127.0.0.1:8080
	./bin/pageheat demo

# The scripts and documents of cmd/pageheat and the tests of integration run the program, which is built once.
test test-race: export PAGEHEAT_PROGRAM = $(CURDIR)/.cache/pageheat

# The longest packages come first. integration waits half of its time, so three packages run at once.
.PHONY: test
test: ## Tests that need Go alone and take seconds, without the race detector: less than three minutes on two cores
	$(GO) build -ldflags=-w -o $(PAGEHEAT_PROGRAM) ./cmd/pageheat
	$(GO) test -short -ldflags=-w -p 3 -parallel 4 ./integration ./cmd/pageheat ./integration/model ./pipeline ./...
	cd bench && $(GO) test -short -ldflags=-w ./...

# They drive stages in one goroutine, or the program, which is built without the race detector.
WITHOUT_RACE = ^pageheat/integration(/model)?$$

.PHONY: test-race
test-race: ## The same with the race detector, but for integration and the model (a C compiler)
	$(GO) build -ldflags=-w -o $(PAGEHEAT_PROGRAM) ./cmd/pageheat
	$(GO) test -race -short -ldflags=-w -parallel 4 $$($(GO) list ./... | grep -vE '$(WITHOUT_RACE)')
	cd bench && $(GO) test -race -short -ldflags=-w ./...

.PHONY: test-all
test-all: ## Everything that must hold: linter, fuzzers, all tests; a skipped test fails (Java, Maven, kcat, chromium, mandoc, zsh, fish, node, php, python3)
	.ci/test-all

.PHONY: lint
lint: ## The linter of .golangci.yml
	$(GOLANGCI_LINT) run --allow-parallel-runners ./...
	cd bench && $(GOLANGCI_LINT) run --allow-parallel-runners ./...

.PHONY: govulncheck
govulncheck: ## Known vulnerabilities in the functions of the program
	.ci/govulncheck

.PHONY: test-chart
test-chart: ## The Helm chart: rendered with Helm's library, and its settings checked by the program
	cd deploy/helm/test && $(GO) test -count=1 ./...

.PHONY: packages
packages: ## Archives, deb, rpm, checksums and SBOMs of the current commit, in dist; .ci/packages checks them
	$(GORELEASER) release --snapshot --clean

.PHONY: fuzz
fuzz: ## Each fuzzer for FUZZTIME
	.ci/fuzz $(FUZZTIME)

.PHONY: bots
bots: ## The list of bots in access logs, of its newest release (npm, jq)
	.ci/bots

.PHONY: bench
bench: kafka-jars ## Throughput in all scenarios, latency and pages, on Apache Kafka: ten minutes (Java, Maven)
	$(GO) -C bench run . all --dir $(abspath $(BENCH))

.PHONY: bench-short
bench-short: kafka-jars ## All that a target is for, several times: 40 minutes (Java, Maven)
	$(GO) -C bench run . all --set short --dir $(abspath $(BENCH))-short

.PHONY: bench-rest
bench-rest: kafka-jars ## Growth, latency against linger, pages on disk, ten million pages: 20 minutes (Java, Maven)
	$(GO) -C bench run . all --set rest --dir $(abspath $(BENCH))-rest

.PHONY: chaos
chaos: kafka-jars ## Faults for CHAOS, rounds without topics and rights, BATCHES of all shapes, and compare every page (Java, Maven)
	PAGEHEAT_TEST_ALL=1 PAGEHEAT_CHAOS=$(CHAOS) PAGEHEAT_BATCHES=$(BATCHES) $(GO) test -tags chaos -count=1 -timeout=0 -p 1 -v ./integration/chaos ./integration/batches ./integration/hostile

.PHONY: kafka-jars
kafka-jars: ## Fetch the jars of Apache Kafka into the user's cache, once (Maven)
	$(GO) run ./integration/kafkatest/kafka -jars

.PHONY: kafka
kafka: kafka-jars ## Run Apache Kafka on loopback until interrupted: make kafka BROKERS=3 (Java)
	$(GO) run ./integration/kafkatest/kafka -brokers $(or $(BROKERS),1)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist .cache
