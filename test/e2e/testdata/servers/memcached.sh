# memcached, by TCP and UDP, against a small client.
ports=(11211)

server() { exec memcached -u nobody -p 11211 -U 11211 -l 0.0.0.0,::; }

client() {
	for a in "$a4" "$a6"; do
		try /usr/bin/python3 - "$a" <<-'X'
			import socket, struct, sys, threading
			a = sys.argv[1]
			def session(tag):
			    s = socket.create_connection((a, 11211)); f = s.makefile("rwb")
			    def say(line, *more):
			        f.write(line + b"\r\n" + b"".join(more)); f.flush()
			        return f.readline().strip()
			    big = bytes(range(256)) * 200
			    out = [say(b"set %s-big 5 0 %d" % (tag, len(big)), big, b"\r\n"), say(b"get %s-big" % tag)]
			    out.append(f.read(len(big)) == big); f.readline(); out.append(f.readline())
			    out += [say(b"set %s-n 0 0 1" % tag, b"5\r\n"), say(b"incr %s-n 37" % tag), say(b"delete %s-n" % tag), say(b"delete %s-n" % tag), say(b"nonsense")]
			    for i in range(200):
			        f.write(b"set %s-%d 0 0 3 noreply\r\nabc\r\n" % (tag, i))
			    f.write(b"get " + b" ".join(b"%s-%d" % (tag, i) for i in range(50)) + b"\r\n"); f.flush()
			    out.append(sum(1 for _ in iter(f.readline, b"END\r\n")))
			    s.close()
			    return out
			print(session(b"one"))
			results = []
			threads = [threading.Thread(target=lambda i=i: results.append(session(b"t%d" % i)[-1])) for i in range(8)]
			for t in threads: t.start()
			for t in threads: t.join()
			print(results)
			u = socket.socket(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_DGRAM)
			u.settimeout(5); u.connect((a, 11211))
			u.send(struct.pack(">HHHH", 7, 0, 1, 0) + b"get one-0\r\n")
			print(u.recv(2000))
			u.send(struct.pack(">HHHH", 8, 0, 1, 0) + b"get one-big\r\n")
			parts = {}
			while not parts or len(parts) < n:
			    d = u.recv(2000); _, i, n, _ = struct.unpack(">HHHH", d[:8]); parts[i] = len(d) - 8
			print(n, sum(parts.values()))
		X
	done
}
