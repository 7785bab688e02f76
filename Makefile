# make build   bin/runsc, one static binary
# make test    every check and test; what CI runs
# make lint    the checks alone

GO ?= go
export CGO_ENABLED = 0

.PHONY: build test lint race fuzz clean

build:
	$(GO) build -trimpath -ldflags='-s -w' -o bin/runsc ./cmd/runsc
	@stat -c 'bin/runsc: %s bytes' bin/runsc

test: lint build
	$(GO) test -count=1 ./...
	$(MAKE) race

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt -w these:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) test -count=1 .

# The race detector needs a C compiler.
race:
	CGO_ENABLED=1 $(GO) test -race -count=1 $(RACE)

RACE = ./lib/... ./control ./sentry/kernel ./sentry/platform/systrap ./sentry/file/...

clean:
	rm -rf bin
