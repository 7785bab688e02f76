# node's HTTP server against curl and wrk.
ports=(8000)

server() {
	cat >server.js <<-'X'
		const http = require("http"), crypto = require("crypto");
		http.createServer((q, r) => {
		  if (q.method === "POST") {
		    const h = crypto.createHash("md5"); let n = 0;
		    q.on("data", (d) => { h.update(d); n += d.length; });
		    q.on("end", () => r.end(n + " " + h.digest("hex") + "\n"));
		  } else if (q.url === "/stream") {
		    let i = 0;
		    (function more() { while (i < 20000) if (!r.write("line " + i++ + "\n")) return r.once("drain", more); r.end(); })();
		  } else if (q.url === "/abort") {
		    r.writeHead(200, { "Content-Length": 100 }); r.write("some"); setTimeout(() => q.socket.destroy(), 50);
		  } else r.end("hello\n");
		}).listen(8000, "::");
	X
	exec node server.js
}

client() {
	try curl -sS "http://$a4:8000/" "http://[$a6]:8000/"
	try curl -sS "http://$a4:8000/stream" | cksum
	seq 1 300000 | try curl -sS --data-binary @- "http://$a4:8000/"
	seq 1 300000 | try curl -sS -H 'Transfer-Encoding: chunked' --data-binary @- "http://[$a6]:8000/"
	try curl -sS "http://$a4:8000/abort"
	echo
	try node -e 'const http = require("http"), agent = new http.Agent({ keepAlive: true, maxSockets: 5 });
		let left = 100, reused = 0;
		for (let i = 0; i < 100; i++) http.get({ host: process.argv[1], port: 8000, path: "/", agent }, (r) => {
			r.resume(); r.on("end", () => { if (r.req.reusedSocket) reused++; if (!--left) { console.log("done", reused); agent.destroy(); } }); })' "$a4"
	try wrk -t1 -c8 -d "$(pick 1 10)s" "http://$a4:8000/" | keep 'Running.*s test|Non-2xx.*|Socket errors.*'
}
