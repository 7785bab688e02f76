# make build   bin/runsc, one static binary
# make test    every check and test, what they need installed first; what CI runs
# make test-full  those that take long, too
# make lint    the checks alone
# make fuzz    every fuzz target for a while
# make docs    what is generated in docs/
# make bench   what a sandbox costs; BENCH="--docker --peer PATH" has more rows and compares with another
# make demo    a sandboxed shell that looks around

GO ?= go
export CGO_ENABLED = 0

# Where cmd/runsc looks at its standard streams before Go's runtime does.
ENTRY = -E=runsc_entry

.PHONY: setup build bench fuzz fuzz-targets docs demo test test-full lint race lockcheck clean

build:
	$(GO) build -trimpath -ldflags='-s -w $(ENTRY)' -o bin/runsc ./cmd/runsc
	@stat -c 'bin/runsc: %s bytes' bin/runsc

demo: build
	bin/runsc do -- sh -c 'uname -a; id; ls /; ps aux 2>/dev/null || true; \
		echo "written inside" > /tmp/glovebox-demo; cat /tmp/glovebox-demo'
	@test ! -e /tmp/glovebox-demo && echo "and on the host there is no /tmp/glovebox-demo"

test: setup lint build
	$(GO) test -count=1 -timeout=30m ./...
	$(MAKE) race lockcheck fuzz

# What takes long, too. Goes on where it was interrupted; .full holds what was said.
test-full: setup build
	GO="$(GO)" test/full.sh

# The programs of the host that tests run.
setup:
	@test/setup.sh

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt -w these:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test -count=1 .

# Each target, wherever it is, for FUZZTIME.
FUZZTIME = 30s
FUZZ = $(GO) test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=20x $$dir </dev/null >.fuzz.log 2>&1
# Once more where go says no more than that its own time was up while an input ran:
# it has found nothing, and has no input to show.
LATE = grep -q 'context deadline exceeded' .fuzz.log && ! grep -q 'Failing input' .fuzz.log
fuzz:
	@$(FUZZTARGETS) | while read dir name; do \
		echo "$$dir $$name for $(FUZZTIME)"; \
		$(FUZZ) || { $(LATE) && echo "once more: go's time was up" && $(FUZZ); } || { cat .fuzz.log; exit 1; }; \
		tail -n 3 .fuzz.log | grep elapsed; \
	done; status=$$?; rm -f .fuzz.log; exit $$status

# The package and name of each, a line.
FUZZTARGETS = grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | sed 's,/[^/]*:func , ,' | sort
fuzz-targets:
	@$(FUZZTARGETS)

docs:
	UPDATE_DOCS=1 $(GO) test -count=1 -run=TestCompatibilityPage ./cmd/runsc

bench: build
	$(GO) run ./test/bench $(BENCH)

# The race detector needs a C compiler. With cgo, package host cannot drop
# privileges in every thread; test runs programs.
race:
	CGO_ENABLED=1 $(GO) test -race -count=1 $$($(GO) list ./... | grep -v '/test/\|/host$$')

# The order of locks, checked as they are taken: sentry/lock.
lockcheck:
	$(GO) test -tags lockcheck -count=1 ./sentry/...

clean:
	rm -rf bin
