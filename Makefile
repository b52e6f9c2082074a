# Everything about the project is one of these; `make help` lists them.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 1m
CHAOS ?= --seeds 1-5
SEEDS ?= 5000
LINT_VERSION = v2.15.0
LINT = bin/golangci-lint-$(LINT_VERSION)

GO_BUILD = CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

.DEFAULT_GOAL := help
.PHONY: help run build test check vet race lint fuzz sim bench interop conformance crash chaos docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build the broker and run it on ./data
	bin/leat broker --data-dir data

build: ## bin/leat, one static binary
	$(GO_BUILD) -o bin/leat ./cmd/leat

test: ## every test, with the Debian packages that they need
	tools/debian
	go vet ./...
	go test ./...

check: lint vet race ## lint, vet, all tests with the race detector, a little fuzzing
	tools/fuzz 5s

vet:
	go vet ./...
	go vet -tags interop,conformance,chaos ./cmd/... ./tools/...

race: ## every test with the race detector
	tools/debian
	go test -race -timeout 20m ./...

lint: $(LINT) ## golangci-lint, built here once
	$(LINT) run ./...

$(LINT):
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/golangci-lint $(LINT)

fuzz: ## every fuzz target for FUZZTIME (1m)
	tools/fuzz $(FUZZTIME)

sim: ## thousands of simulated clusters under faults; SEEDS=n for more
	go test -timeout 2h ./replication/sim -run TestStories -v -sim.seeds=$(SEEDS)

bench: build ## CPU of leat and of a broker that does nothing, as ratios
	go run ./tools/bench

crash: build ## kill -9 under load, again and again; every acknowledged record must be there
	go run ./tools/crash

chaos: build ## break a cluster of three brokers by CHAOS (--seeds 1-5); nothing acknowledged may be lost; needs root
	tools/debian
	go test -tags chaos -count=1 ./tools/chaos/nodes ./cmd/...
	go run ./tools/chaos $(CHAOS)

interop: build ## Kafka's own Java tools and clients, of 3.9 and 4, against leat
	tools/debian --interop
	go test -tags interop -count=1 -timeout 30m ./tools/interop/...

conformance: build ## franz-go's own test suite against one broker and against three
	tools/debian
	go test -tags conformance -count=1 -timeout 30m -v ./tools/conformance/...

docs: ## the pages under docs/ that are made from tables in the code
	go run ./tools/docs

clean: ## remove what make has built; ./data stays
	rm -rf bin
