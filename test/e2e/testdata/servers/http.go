//go:build ignore

// http serves, or asks many times at once: http serve DIR; http get ADDRESS N.
package main

import (
	"crypto/md5"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
)

func main() {
	if os.Args[1] == "get" {
		get(os.Args[2], os.Args[3])
		return
	}
	dir := os.Args[2]
	http.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") })
	http.HandleFunc("/sum", func(w http.ResponseWriter, r *http.Request) {
		h := md5.New()
		n, err := io.Copy(h, r.Body)
		fmt.Fprintf(w, "%d %x %v\n", n, h.Sum(nil), err)
	})
	http.Handle("/files/", http.StripPrefix("/files/", http.FileServer(http.Dir(dir))))
	go func() {
		log.Fatal(http.ListenAndServeTLS(":8002", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), nil))
	}()
	log.Fatal(http.ListenAndServe(":8001", nil))
}

func get(addr, times string) {
	n, err := strconv.Atoi(times)
	if err != nil {
		log.Fatal(err)
	}
	var good atomic.Int64
	var all sync.WaitGroup
	for range n {
		all.Add(1)
		go func() {
			defer all.Done()
			r, err := http.Get("http://" + addr + "/hello")
			if err != nil {
				log.Print(err)
				return
			}
			defer r.Body.Close()
			if b, _ := io.ReadAll(r.Body); string(b) == "hello\n" {
				good.Add(1)
			}
		}()
	}
	all.Wait()
	fmt.Println("good:", good.Load())
}
