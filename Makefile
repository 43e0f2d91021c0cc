# make demo: builds the phone and shows it.   make test: every test, with what they need installed.
# Everything else here is a step of one of these two.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
GO ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
# All checks but these: ST1000 (internal/archtest holds that every package has a doc.go, with a better
# message), ST1003 (URI, SDP and RTP are written as their RFCs write them), ST1020 to ST1022 (a docstring
# may begin with its condition rather than with the name).
CHECKS := all,-ST1000,-ST1003,-ST1020,-ST1021,-ST1022
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: help demo build test prepare lint vulnerabilities unit limits fuzz fuzz-long pure oracle device interop asterisk conformance golden clean

help:
	@echo "make demo      build ringback and run its demo: a PBX in the process, and a callback for you"
	@echo "make build     build bin/ringback, with PortAudio where its headers are or can be installed"
	@echo "make test      run every test that CI runs; installs Asterisk, SIPp and a virtual headset first"
	@echo "make conformance   run the tests of the 172 behaviours, and write testdata/conformance.md anew"
	@echo "make fuzz-long     run each fuzz target for an hour"
	@echo "make asterisk  run the tests' Asterisk on 127.0.0.10, to try the phone against by hand"

demo: build
	./bin/ringback demo

build:
	@.ci/build

# What CI runs. Each step stands alone; `make test` is all of them in this order.
test: prepare lint vulnerabilities pure unit limits fuzz oracle device interop
	@echo "make test: all steps passed"

prepare:
	@.ci/prepare

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go') | tee /dev/stderr)" || { echo "gofmt: run gofmt -w on the files above"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags portaudio,pulse,interop ./...
	$(GO) run $(STATICCHECK) -checks $(CHECKS) ./...

vulnerabilities:
	@.ci/vulnerabilities $(GOVULNCHECK)

# The phone without cgo, for the three systems, and that the tests of each room compile there.
pure:
	@for os in linux windows darwin; do \
	  echo "pure-Go build for $$os"; CGO_ENABLED=0 GOOS=$$os $(GO) build -o /dev/null ./cmd/ringback; done

# What runs in real time runs after the others, one package at a time.
REAL_TIME := ./cmd/ringback ./internal/crash ./internal/rude ./internal/lab ./agent/control

unit:
	$(GO) test -race -timeout 20m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(REAL_TIME))")
	$(GO) test -race -p 1 -timeout 20m $(REAL_TIME)

# What holds only without the race detector: times, bytes, 200,000 sources, 10,000 calls.
limits:
	$(GO) test -count=1 -timeout 10m ./internal/rude ./sip/message

# Our G.722 beside that of spandsp, bit for bit.
oracle:
	$(GO) vet -tags spandsp ./media/codec ./internal/spandsp
	$(GO) test -tags spandsp -count=1 -timeout 5m ./media/codec

# Every fuzz target: a minute in all; before a release an hour each.
fuzz:
	@testdata/robustness/fuzz all 60

fuzz-long:
	@testdata/robustness/fuzz 3600

device:
	$(GO) test -tags portaudio,pulse -count=1 -timeout 5m ./media/device/...

interop: build
	RINGBACK=$(CURDIR)/bin/ringback $(GO) test -tags interop -count=1 -timeout 20m -v ./internal/interop

# The table of behaviours with their tests, testdata/conformance.md, from a run of them.
conformance:
	$(GO) run ./internal/conformance

asterisk:
	@testdata/asterisk/install >/dev/null
	@testdata/asterisk/run 127.0.0.10 /lab

clean:
	rm -rf bin
