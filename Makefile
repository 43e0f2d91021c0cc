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
# All of gosec's rules but those whose every finding here was read and is as it should be: G103, recvmsg and
# sendmsg without allocations; G104, Close of what has failed already; G115, RTP's and SIP's numbers wrap on
# purpose, and what comes from outside is bounded where it is read; G204, our own program again; G304, files that
# their user names; G401 and G501, MD5 is digest's (RFC 8760); G404, SSRCs, times and back-off (keys, tags and
# nonces are crypto/rand's). Single findings are marked where they are.
GOSEC := github.com/securego/gosec/v2/cmd/gosec@v2.22.0
UNSOUND := -quiet -color=false -exclude=G103,G104,G115,G204,G304,G401,G404,G501 -exclude-dir=testdata -exclude-dir=internal/asterisk -exclude-dir=internal/conformance -exclude-dir=internal/ladder/golden
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: help demo build test prepare lint security vulnerabilities unit limits fuzz fuzz-long pure oracle libraries headless quality beside benchmarks bench whole device interop asterisk images conformance golden clean

help:
	@echo "make demo      build ringback and run its demo: a PBX in the process, and a callback for you"
	@echo "make build     build bin/ringback, with PortAudio and Opus where their headers are or can be installed"
	@echo "make test      run every test that CI runs; installs Asterisk, SIPp, sipvicious and a virtual headset first"
	@echo "make conformance   run the tests of the 172 behaviours, and write testdata/conformance.md anew"
	@echo "make headless  build the static phone of the headless image in bin/headless, and run it in a root folder of its own"
	@echo "make quality   measure what is heard over a bad network, and write testdata/quality/README.md anew"
	@echo "make images    build both images of the Dockerfile with podman, as root, and run them: versions, demos, load, compose.yaml"
	@echo "make fuzz-long     run each fuzz target for an hour"
	@echo "make bench     measure this program beside SIPp on this machine: testdata/bench/README.md"
	@echo "make asterisk  run the tests' Asterisk on 127.0.0.10, to try the phone against by hand"

demo: build
	./bin/ringback demo

build:
	@.ci/build

# What CI runs. Each step stands alone; `make test` is all of them in this order.
test: prepare lint security vulnerabilities pure unit limits fuzz oracle libraries headless device interop
	@echo "make test: all steps passed"

prepare:
	@.ci/prepare

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go') | tee /dev/stderr)" || { echo "gofmt: run gofmt -w on the files above"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags portaudio,pulse,interop,baresip,opus,nolibopusfile,apm ./...
	$(GO) run $(STATICCHECK) -checks $(CHECKS) ./...

security:
	$(GO) run $(GOSEC) $(UNSOUND) ./...

vulnerabilities:
	@.ci/vulnerabilities $(GOVULNCHECK)

# The phone without cgo, for the three systems, and that the tests of each room compile there.
pure:
	@for os in linux windows darwin; do \
	  echo "pure-Go build for $$os"; CGO_ENABLED=0 GOOS=$$os $(GO) build -o /dev/null ./cmd/ringback; done

# What runs in real time runs after the others, one package at a time.
REAL_TIME := ./cmd/ringback ./internal/crash ./internal/rude ./internal/lab ./agent/control

# Uninstrumented is what only computes: the engine of SQLite (tested by its makers; their runtime libc
# stays instrumented, else their generics would hide our happens-before), and the arithmetic of
# media/audio where it is only used. media's own tests run under the detector in `libraries`, which has
# more of media than the pure build, and have it instrumented.
SQL := '-gcflags=modernc.org/sqlite/lib=-race=false -d=checkptr=0'
SOUND := '-gcflags=ringback/media/audio=-race=false -d=checkptr=0'

unit:
	$(GO) test -timeout 20m ./media/...
	$(GO) test -race -timeout 20m $(SQL) $(SOUND) $$($(GO) list ./... | grep -v '^ringback/media' | grep -vxF "$$($(GO) list $(REAL_TIME))")
	$(GO) test -race -p 1 -parallel 4 -timeout 20m $(SQL) $(SOUND) $(REAL_TIME)

# What holds only without the race detector, or would take too long with it: times, bytes, 200,000
# sources, 10,000 calls, half an hour of load, a hundred restarts of the PBX.
limits:
	$(GO) test -count=1 -timeout 10m ./internal/rude ./sip/message ./media/sdp
	$(GO) test -count=1 -timeout 10m -run Soak ./agent/load
	$(GO) test -count=1 -timeout 10m -run 'Allocated' ./media/...
	RINGBACK_FAULTS=100 $(GO) test -count=1 -timeout 10m -run Fault ./internal/story

# Our G.722 beside that of spandsp, bit for bit.
oracle:
	$(GO) vet -tags spandsp ./media/codec ./internal/spandsp
	$(GO) test -tags spandsp -count=1 -timeout 5m ./media/codec
# Our SRTP beside libsrtp: each suite, both ways.
	$(GO) vet -tags libsrtp ./media ./internal/libsrtp
	$(GO) test -tags libsrtp -count=1 -timeout 5m -run BesideLibsrtp ./media
# Parties that really speak, in a conference: announcements of the tests' Asterisk.
	$(GO) test -tags interop -count=1 -run RealSpeech ./media/mixer

# media with the libraries in C, which the pure build in `unit` does without.
libraries:
	$(GO) test -race -tags opus,nolibopusfile,apm -count=1 -timeout 10m ./media/...

# What the Dockerfile's headless image holds, made by the same commands in bin/headless, and run with nothing beside it.
headless:
	@VERSION=$$(git describe --tags --always --dirty 2>/dev/null || echo dev) .ci/headless bin/headless
	@.ci/headless-runs bin/headless

# What is heard over a bad network, measured anew for each codec: testdata/quality/README.md. Ten minutes of one core.
quality:
	$(GO) test -tags opus,nolibopusfile -count=1 -timeout 60m -run TestQuality_Table ./media -quality-table

# The same beside baresip, in real time, which wants a machine of its own: testdata/quality/baresip.md.
beside:
	@testdata/quality/install
	$(GO) test -tags baresip,opus,nolibopusfile -count=1 -parallel 6 -timeout 20m -run TestBesideBaresip ./media -beside ../testdata/quality/baresip.md

# The hot paths of media.
SOUNDS := Path|SRTP|Tick|Recorder|Mix|Resample|Buffer|Concealer|G711|G722|Scaler|Processor

# What 20 ms of sound cost: testdata/benchmarks/media.txt; and a call's signalling: testdata/benchmarks/calls.txt.
benchmarks:
	$(GO) test -run xxx -bench 'Call$$' -benchtime 8000x -count 3 ./agent/load | tee testdata/benchmarks/calls.txt
	$(GO) test -run xxx -bench 'Timer' -benchtime 200ms -count 3 ./sip/loop | tee -a testdata/benchmarks/calls.txt
	$(GO) test -tags opus,nolibopusfile,apm -run xxx -bench '$(SOUNDS)' -benchtime 200ms -count 3 ./media ./media/jitter ./media/codec ./media/audio ./media/mixer ./media/headset | tee testdata/benchmarks/media.txt

# What a call costs the machine as a whole, and where that goes: testdata/benchmarks/whole.txt and profile.txt.
whole:
	$(GO) test -tags opus,nolibopusfile -run xxx -bench 'Whole|Echo' -benchtime 1x -count 3 ./media | tee testdata/benchmarks/whole.txt
	@mkdir -p bin; : > testdata/benchmarks/profile.txt
	@for what in 'through/codec=PCMU' 'through/codec=opus' 'conference/codec=PCMU'; do \
		$(GO) test -tags opus,nolibopusfile -run xxx -bench "Whole/what=$$what" -benchtime 5x -o $(CURDIR)/bin/media.test -cpuprofile $(CURDIR)/bin/media.prof ./media >/dev/null && \
		{ echo "== $$what"; $(GO) tool pprof -top -nodecount 25 bin/media.test bin/media.prof 2>/dev/null | grep -v '^Build ID\|^File'; echo; } >>testdata/benchmarks/profile.txt; \
	done

# This program beside its peers: testdata/bench/README.md. SIPP=sipp is the one that is installed, in place of 3.7.3. ONLY=calls, registrations, digest, refresh, media, agents, memory, curve, sustained or most is one part.
bench: build
	@$(GO) build -o bin/bench ./testdata/bench && bin/bench -only "$(ONLY)" -sipp "$${SIPP:-$$(testdata/bench/sipp bin/sipp-3.7.3)}"

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

images:
	@.ci/images
