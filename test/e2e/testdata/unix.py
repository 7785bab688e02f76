"""Sockets of AF_UNIX as /proc/net/unix, ss and netstat list them."""
import socket, subprocess, os
try: os.unlink("uxp.socket")
except OSError: pass
l = socket.socket(socket.AF_UNIX); l.bind("uxp.socket"); l.listen(5)
a = socket.socket(socket.AF_UNIX); a.bind("\0ab\0c"); a.listen(1)
c = socket.socket(socket.AF_UNIX); c.connect("uxp.socket")
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
p = socket.socketpair()
want = {os.fstat(s.fileno()).st_ino for s in (l, a, c, d, *p)}
lines = []
for line in open("/proc/net/unix"):
    f = line.split()
    if f[0] != "Num" and int(f[6]) in want: lines.append(" ".join(f[1:6] + f[7:]))
print(*sorted(lines), sep="\n")
print(subprocess.run("unshare -n python3 -c 'import socket; s=socket.socket(socket.AF_UNIX); s.connect(\"uxp.socket\"); print(\"connected\")'; ss -xln | grep -o uxp.socket; netstat -xln | grep -c uxp", shell=True, capture_output=True).stdout)
os.unlink("uxp.socket")
