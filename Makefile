SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Only what exists: the formatter fails for a path that does not.
SWIFT_SOURCES = $(wildcard Package.swift Sources Tests Examples Benchmarks/Package.swift Benchmarks/Sources)

# Tests of several programs at once. What they show depends on heartbeats, so they do not share the machine with all others.
TOGETHER = OperatorTests\.(ReplicaTests|ChaosTests)|(RedisClientTests|StoresTests).*(Cluster|Sentinel)

.PHONY: help build test examples demo simulate chaos bench format lint manifests check-manifests chart-lint clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build everything, debug
	@scripts/install-prerequisites build
	swift build

test: ## Run all tests, against real components on loopback; FILTER=x: only those that match x
	@scripts/install-prerequisites test
	@scripts/kube-apiserver-build >/dev/null
	swift build --build-tests
	swift test --skip-build $(if $(FILTER),--filter '$(FILTER)',--skip '$(TOGETHER)')
	$(if $(FILTER),,swift test --skip-build --filter '$(TOGETHER)')

examples: ## Build the examples that are packages of their own
	@scripts/install-prerequisites build
	swift build --package-path Examples/configmap-controller --scratch-path .build/examples

demo: ## Watch the operator complete a process; CONTEXT=name: in that cluster of your kubeconfig
	@scripts/demo $(if $(CONTEXT),--context '$(CONTEXT)')

simulate: ## Run the engine in SEEDS=n simulated worlds of trouble (default 1000); SEED=x: from that seed, with one its trace
	@scripts/install-prerequisites build
	swift build --configuration release --product Simulate
	@"$$(swift build --configuration release --show-bin-path)/Simulate" --coverage \
	  $(if $(SEED),--seed '$(SEED)') --seeds '$(or $(SEEDS),$(if $(SEED),1,1000))' $(if $(SEED),$(if $(SEEDS),,--trace))

chaos: ## Take three operators through kills, stops, cuts and restarts; TROUBLE=seconds (600) PROCESSES=n (500) SEED=n, FLUSH=1: empty Redis, too
	@scripts/install-prerequisites test
	@scripts/kube-apiserver-build >/dev/null
	swift build --product honua
	swift build --product RunChaos
	@"$$(swift build --show-bin-path)/RunChaos" --seconds '$(or $(TROUBLE),600)' --processes '$(or $(PROCESSES),500)' \
	  $(if $(SEED),--seed '$(SEED)') $(if $(FLUSH),--flush)

bench: ## Build for release and measure; ARGS='list watch': only these figures, see Benchmarks/run --help
	@scripts/install-prerequisites test
	@scripts/kube-apiserver-build >/dev/null
	Benchmarks/run $(ARGS)

format: ## Format the Swift sources in place
	swift format --in-place --recursive --parallel $(SWIFT_SOURCES)

lint: ## Check the format and the style of the Swift sources
	swift format lint --strict --recursive --parallel $(SWIFT_SOURCES)

manifests: ## Generate the CRD and RBAC manifests from the Swift types
	@scripts/manifests

check-manifests: ## Fail if the committed manifests differ from the generated ones
	@scripts/check-manifests

chart-lint: ## Check the Helm chart
	@command -v helm >/dev/null || { echo 'error: no helm on PATH; see https://helm.sh/docs/intro/install' >&2; exit 1; }
	helm lint --strict charts/honua-operator
	helm template honua charts/honua-operator >/dev/null

clean: ## Remove what was built here; the Kubernetes binaries stay in the cache
	swift package clean
