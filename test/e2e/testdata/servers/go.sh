# Go's HTTP server, which sends files by sendfile(2), against its own client, curl and wrk.
ports=(8001 8002)

prepare() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
		-subj /CN=server.test -addext subjectAltName=DNS:server.test 2>/dev/null
	seq 1 "$(pick 1000000 10000000)" >large
	CGO_ENABLED=0 go build -o http "$dir/http.go"
}

server() { exec "$shared/http" serve "$shared"; }

client() {
	try curl -sS "http://$a4:8001/hello" "http://[$a6]:8001/hello"
	try curl -sS "http://$a4:8001/files/large" | cksum
	try curl -sS -r 5000-5020 "http://[$a6]:8001/files/large"
	seq 1 300000 | try curl -sS -T - "http://$a4:8001/sum"
	try curl -sS --cacert "$shared/cert.pem" --resolve "server.test:8002:$a4" -w '%{http_version}\n' https://server.test:8002/hello
	try curl -sS --cacert "$shared/cert.pem" --resolve "server.test:8002:[$a6]" https://server.test:8002/files/large | cksum
	try "$shared/http" get "$a4:8001" 200
	try "$shared/http" get "[$a6]:8001" 200
	try wrk -t1 -c8 -d "$(pick 1 10)s" "http://$a4:8001/hello" | keep 'Running.*s test|Non-2xx.*|Socket errors.*'
}
