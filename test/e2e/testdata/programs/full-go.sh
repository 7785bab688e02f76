# go vet and go build of this repository, and the result run.
work=$PWD; cd "$(dirname "$0")/../../../.."
export GOFLAGS='-p=2 -mod=mod' GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0 GOCACHE=$work/cache
out=$(mktemp -d)
go version; go list ./... | sort | tail -5
go vet ./abi/... ./lib/... ./p9 ; echo $?
go build -trimpath -buildvcs=false -ldflags='-s -w -E=runsc_entry' -o $out/runsc ./cmd/runsc; echo $?
$out/runsc --version; sha256sum < $out/runsc
go test ./lib/... | cut -f1,2; echo ${PIPESTATUS[0]}
rm -r $out
