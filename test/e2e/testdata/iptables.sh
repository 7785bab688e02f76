# iptables-legacy: what it lists, and what its rules do.
I=iptables-legacy
ip link set lo up
$I -L -n; $I -t nat -S; $I -t mangle -S; $I -t raw -S; $I -t nonsense -L 2>&1 | head -2
$I -N MINE; $I -A MINE -s 10.0.0.0/8 -j RETURN; $I -A MINE -p tcp --dport 99 -m comment --comment "hello there" -j DROP; $I -A INPUT -i lo -j MINE
$I -A INPUT -p udp -m multiport --dports 7,8,100:200 -j REJECT
$I -A OUTPUT -m owner --uid-owner 1000 ! -o eth+ -j ACCEPT
$I -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; $I -A INPUT -m state --state NEW -p tcp --syn -j ACCEPT
$I -A INPUT -m addrtype --dst-type LOCAL -j ACCEPT
$I -P FORWARD DROP
$I -S; $I -L -n -v --line-numbers
$I -D MINE 1; $I -S MINE; $I -I MINE 1 -j ACCEPT; $I -F MINE;  $I -X MINE 2>&1; echo $?; $I -F; $I -X MINE; $I -S
$I -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080;  $I -t nat -A OUTPUT -p tcp -d 10.9.9.9 --dport 80 -j DNAT --to-destination 127.0.0.1:8080; $I -t nat -A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE; $I -t nat -A POSTROUTING -d 10.1.0.0/24 -j SNAT --to-source 10.2.0.1
$I -t nat -S
$I -t nat -A OUTPUT -p tcp -d 127.0.0.1 --dport 81 -j REDIRECT --to-ports 8080
ip addr add 10.0.0.1/24 dev lo
python3 - <<'P'
import socket, struct
l = socket.create_server(("127.0.0.1", 8080))
for to in ("10.9.9.9", 80), ("127.0.0.1", 81):
    c = socket.socket(); c.settimeout(3)
    try: c.connect(to)
    except OSError as e: print("connect", e); continue
    s, a = l.accept()
    o = s.getsockopt(0, 80, 16); print(socket.inet_ntoa(o[4:8]), struct.unpack(">H", o[2:4])[0], c.getpeername())
    s.sendall(b"through"); print(c.recv(99))
    c.close(); s.close()
c = socket.create_connection(("127.0.0.1", 8080)); s, a = l.accept()
try: print(s.getsockopt(0, 80, 16))
except OSError as e: print(e)
P
$I -A INPUT -p tcp --dport 5001 -j REJECT --reject-with tcp-reset; $I -A INPUT -p tcp --dport 5002 -j REJECT; $I -A INPUT -p udp --dport 5003 -j DROP;$I -A OUTPUT -p tcp --dport 5004 -j REJECT
python3 - <<'P'
import socket
ls = [socket.create_server(("127.0.0.1", p)) for p in (5001, 5002, 5004, 5005)]
for p in 5001, 5002, 5004, 5005:
    c = socket.socket(); c.settimeout(1)
    try: c.connect(("127.0.0.1", p)); print(p, "ok")
    except OSError as e: print(p, e)
u = socket.socket(2, 2); u.bind(("127.0.0.1", 5003)); u.settimeout(0.3)
socket.socket(2, 2).sendto(b"x", ("127.0.0.1", 5003))
try: print(u.recv(9))
except OSError as e: print(e)
P
iptables-legacy-save | grep -v '^#' | sed 's: \[.*::'
ip6tables-legacy -A INPUT -p tcp -s fd00::/8 --dport 22 -j REJECT; ip6tables-legacy -S
