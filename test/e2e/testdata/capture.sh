# tcpdump and arping in namespaces: what is captured, without what is another each time.
set -u
mount -t tmpfs none /run
mkdir /run/netns
ip link set lo up
plain() { grep -v -e listening -e verbose | sed -E 's/^[0-9:.]+ //; s/..(:..){5}/MAC/g; s/id [0-9]+/id N/; s/(127.0.0.1)\.[0-9]{5}/\1.PORT/'; }
ip netns add a
ip link add v0 type veth peer name v1 netns a
ip addr add 10.1.0.1/24 dev v0
ip -n a addr add 10.1.0.2/24 dev v1
ip link set v0 up
ip -n a link set v1 up
ip netns exec a tcpdump -n -l -c6 -i v1 icmp or arp >/run/far 2>/run/err &
while ! grep -q listening /run/err 2>/dev/null; do sleep 0.05; done
ping -c2 -i0.2 -q 10.1.0.2 | grep -o '. received'
wait
plain </run/far
grep -o '6 packets captured' /run/err
arping -c1 -i v0 10.1.0.2 | grep -o '1 packets received'
tcpdump -c2 -i lo -n udp dst port 99 >/run/lo 2>/run/err &
while ! grep -q listening /run/err; do sleep 0.05; done
python3 -c '
import socket
s = socket.socket(2, 2)
for n in 1, 100, 3: s.sendto(b"x" * n, ("127.0.0.1", 99 if n < 100 else 98))'
wait
plain </run/lo
exit 0
