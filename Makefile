# The commands of daily work. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -o pipefail -ec

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

DOCKER ?= docker

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: run
run: ## serve the default world on port 4010
	go run ./cmd/submeter serve

.PHONY: build
build: ## build bin/submeter, static
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/submeter ./cmd/submeter

.PHONY: test
test: ## run the tests, as a fresh machine does
	go test ./...

.PHONY: race
race: ## run the tests with the race detector
	go test -race ./...

.PHONY: lint
lint: ## format check, vet, lint with the import rules
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	go vet ./...
	$(GOLANGCI_LINT) run ./...

.PHONY: generate
generate: ## write what is made from openapi/*.yaml anew
	go generate ./openapi/... ./clients/...

.PHONY: e2e-setup
e2e-setup: ## install what the vendors' own SDKs need, into ignored folders
	@for setup in e2e/*/setup.sh; do echo "== $$setup"; bash $$setup || exit 1; done

.PHONY: e2e
e2e: ## run every suite, those of the vendors' own SDKs included
	go test -tags e2e -count=1 -v -timeout 30m ./e2e/... | grep -vE "^(=== |    --- PASS|--- PASS|PASS$$)"

.PHONY: bench
bench: ## print the figures the README quotes
	go test ./e2e/bench -run '^$$' -bench . -timeout 60m
	go test ./emulator/internal/store -run '^$$' -bench 'World' -benchtime 20x -timeout 60m
	go test ./emulator/internal/ledger -run '^$$' -bench 'Million' -benchtime 3x -timeout 60m

.PHONY: fuzz
fuzz: ## run every fuzz target for a short while
	./.ci/fuzz 20s

.PHONY: image
image: ## build the container image
	DOCKER_BUILDKIT=1 $(DOCKER) build --build-arg VERSION=$(VERSION) -t submeter .

.PHONY: ci
ci: ## all that CI runs
	bash .ci/run
