import fcntl, os, struct, socket, subprocess, select, sys
f = os.open("/dev/net/tun", os.O_RDWR)
kind = {"tun": 1, "tap": 2}[sys.argv[1]]
r = fcntl.ioctl(f, 0x400454ca, struct.pack("16sH22x", b"", kind | 0x1000))
name = r[:16].rstrip(b"\0").decode(); print(name)
subprocess.run(f"ip addr add 10.3.0.1/24 dev {name} && ip link set {name} up && ip -o link show {name} | cut -d' ' -f2-5", shell=True)
u = socket.socket(2, 2); u.sendto(b"hello", ("10.3.0.2", 7))
while True:
    p = os.read(f, 2000)
    ip = p if kind == 1 else p[14:]
    if kind == 2 and p[12:14] == b"\x08\x06":
        if p[20:22] == b"\0\1" and p[38:42] == socket.inet_aton("10.3.0.2"):
            mac = b"\2\0\0\0\0\x09"
            os.write(f, p[6:12] + mac + p[12:20] + b"\0\2" + mac + p[38:42] + p[22:28] + p[28:32])
        continue
    if ip[0] >> 4 == 4 and ip[9] == 17: break
print(ip[-5:], socket.inet_ntoa(ip[16:20]))
# answer: swap addresses and ports
ans = ip[:12] + ip[16:20] + ip[12:16] + ip[22:24] + ip[20:22] + ip[24:26] + b"\0\0" + b"world"
hdr = p[6:12] + p[0:6] + p[12:14] if kind == 2 else b""
os.write(f, hdr + ans)
print(u.recvfrom(99)[0])
print(select.select([f], [], [], 0)[0])
os.close(f)
subprocess.run(f"ip link show {name}", shell=True)
