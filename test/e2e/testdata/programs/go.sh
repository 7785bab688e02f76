# A small module built, vetted, tested and run: goroutines, processes, files.
export GOFLAGS=-p=2 GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0
go mod init example 2>/dev/null
cat > main.go <<'X'
package main

import (
	"os"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	var n [100]int
	for i := range n {
		wg.Go(func() { n[i] = i })
	}
	wg.Wait()
	println("hello", n[99])
	os.Exit(len(os.Args) + 4)
}
X
echo "// $$ $RANDOM: not in the cache" >> main.go
cat > main_test.go <<'X'
package main

import "testing"

func TestMain1(t *testing.T) { t.Log("ran") }
X
go vet .; echo $?; go build -o prog . ; echo $?; ./prog; echo $?; ./prog x; echo $?
sed -i 's/len/lenn/' main.go; go build . ; echo $?
