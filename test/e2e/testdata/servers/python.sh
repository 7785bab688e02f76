# Python's http.server, asyncio and ssl.
ports=(8003 8004 8005)
python=/usr/bin/python3

prepare() {
	seq 1 200000 >large
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
		-subj /CN=server.test -addext subjectAltName=DNS:server.test 2>/dev/null
}

server() {
	cat >echo.py <<-'X'
		import asyncio, socket, ssl, sys
		async def echo(r, w):
		    while d := await r.read(65536):
		        w.write(d)
		        await w.drain()
		    w.close()
		class Datagrams(asyncio.DatagramProtocol):
		    def connection_made(self, t): self.t = t
		    def datagram_received(self, d, a): self.t.sendto(d[::-1], a)
		async def main():
		    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		    c.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
		    plain = await asyncio.start_server(echo, None, 8004)
		    tls = await asyncio.start_server(echo, None, 8005, ssl=c)
		    await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, ("0.0.0.0", 8004))
		    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
		    s.bind(("::", 8004))
		    await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, sock=s)
		    await asyncio.Event().wait()
		asyncio.run(main())
	X
	$python echo.py "$shared" &
	exec $python -m http.server -b :: -d "$shared" 8003
}

stop() { kill -TERM $(pgrep -f echo.py) "$pid"; }

client() {
	try curl -sS "http://$a4:8003/large" "http://[$a6]:8003/large" | cksum
	try curl -sS -D - -o /dev/null "http://$a4:8003/nothing" | grep -v -e ^Date
	try $python - "$a4" "$a6" "$shared" <<-'X'
		import asyncio, ssl, sys, urllib.request, socket
		a4, a6, shared = sys.argv[1:]
		print(len(urllib.request.urlopen("http://%s:8003/large" % a4).read()))
		async def one(host, port, n, **how):
		    r, w = await asyncio.open_connection(host, port, **how)
		    data = bytes(i % 251 for i in range(n))
		    async def send():
		        for i in range(0, n, 50000):
		            w.write(data[i:i + 50000]); await w.drain()
		        if w.can_write_eof(): w.write_eof()
		    t = asyncio.create_task(send())
		    got = await r.readexactly(n)
		    await t
		    end = await r.read() if w.can_write_eof() else b""
		    w.close()
		    return got == data and not end
		class Client(asyncio.DatagramProtocol):
		    def __init__(self): self.q = asyncio.Queue()
		    def datagram_received(self, d, a): self.q.put_nowait(d)
		    def error_received(self, e): self.q.put_nowait(e)
		async def main():
		    c = ssl.create_default_context(cafile=shared + "/cert.pem")
		    print(sum(await asyncio.gather(*(one((a4, a6)[i % 2], 8004, 300000) for i in range(20)))))
		    print(sum(await asyncio.gather(*(one((a4, a6)[i % 2], 8005, 300000, ssl=c, server_hostname="server.test") for i in range(6)))))
		    for a in a4, a6:
		        for port in 8004, 8007:
		            t, p = await asyncio.get_running_loop().create_datagram_endpoint(Client, remote_addr=(a, port))
		            t.sendto(b"abc" * 400)
		            print(repr(await asyncio.wait_for(p.q.get(), 5))[:40]); t.close()
		        try: await asyncio.open_connection(a, 8006)
		        except OSError as e: print(e.strerror)
		asyncio.run(main())
		s = ssl.create_default_context()
		try: s.wrap_socket(socket.create_connection((a4, 8005)), server_hostname="server.test")
		except ssl.SSLError as e: print(e.reason)
		s = ssl.create_default_context(cafile=shared + "/cert.pem").wrap_socket(socket.create_connection((a6, 8005)), server_hostname="server.test")
		s.sendall(b"hello"); print(s.recv(10), s.version()); s.close()
	X
}
