# A switch, two hosts and a router, as container runtimes build them.
set -u
say() { echo "== $*"; }
mount -t tmpfs none /run
mount -t sysfs none /sys
mkdir /run/netns
ip link set lo up
# A namespace begins with the host's setting.
off='echo 0 >/proc/sys/net/ipv4/ip_forward'
eval "$off"
for n in a b r; do ip netns add $n; ip netns exec $n sh -c "$off"; done
ip link add br0 type bridge
ip link set br0 up
ip addr add 10.9.0.1/24 dev br0
for n in a b; do
	ip link add v$n type veth peer name eth0 netns $n
	ip link set v$n master br0 up
	ip -n $n link set lo up
	ip -n $n link set eth0 up
done
ip -n a addr add 10.9.0.2/24 dev eth0
ip -n b addr add 10.9.0.3/24 dev eth0
say ping
ping -c1 -W2 -q 10.9.0.2 | grep -o '[0-9]* received'
ip netns exec a ping -c1 -W2 -q 10.9.0.3 | grep -o '[0-9]* received'
ip netns exec a ping -c1 -W2 -q 10.9.0.1 | grep -o '[0-9]* received'
say tcp
ip netns exec b python3 -c '
import socket
s = socket.create_server(("10.9.0.3", 5000)); print("ready", flush=True)
c, a = s.accept(); n = 0
while b := c.recv(65536): n += len(b)
c.send(str(n).encode()); print(a[0], n)' > /run/out & 
server=$!
while ! grep -q ready /run/out 2>/dev/null; do sleep 0.05; done
ip netns exec a python3 -c '
import socket
c = socket.create_connection(("10.9.0.3", 5000)); c.sendall(b"x" * 3000000); c.shutdown(1); print(c.recv(99))'
wait $server; cat /run/out; rm -f /run/out
say router
ip link add vr type veth peer name eth0 netns r
ip addr add 10.8.0.1/24 dev vr; ip link set vr up
ip -n r addr add 10.8.0.2/24 dev eth0; ip -n r link set eth0 up; ip -n r link set lo up
ip -n r route add default via 10.8.0.1
ip -n a route add default via 10.9.0.1
ip netns exec a ping -c1 -W1 -q 10.8.0.2 | grep -o '[0-9]* received'
echo 1 > /proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward
ip netns exec a cat /proc/sys/net/ipv4/ip_forward
ip netns exec a ping -c1 -W2 -q 10.8.0.2 | grep -o '[0-9]* received'
ip netns exec r ping -c1 -W2 -q 10.9.0.2 | grep -o '[0-9]* received'
ip -n a route get 10.8.0.2 | grep -o '.* src [0-9.]*'
say unreachable
ip netns exec b ping -c1 -W1 -q 10.8.0.2 2>&1 | head -1
say names
ip -n a link set eth0 name uplink 2>&1; ip -n a -o link show uplink | grep -o '<[A-Z,_]*>'
ip -n a link set uplink mtu 1400; ip -n a -o link | grep -o 'uplink.*mtu 1400'  | wc -l
ip -n a link set uplink address 02:00:00:00:00:09; ip -n a -o link show uplink | grep -o 02:00:00:00:00:09
ip -n a link set uplink address 01:00:00:00:00:09 2>&1; echo $?
ip link add va type veth 2>&1; echo $?
ip link add x type nonsense 2>/dev/null; echo $?
ip link add averyveryverylongname type dummy 2>/dev/null; echo $?
ip link del lo 2>&1; echo $?
ip link set br0 netns a 2>/dev/null; echo $?
say bridge
ip -o link show master br0 | awk '{print $2, $NF ? "" : ""}' | sort
ip link set va nomaster; ip netns exec b ping -c1 -W1 -q 10.9.0.2 | grep -o '[0-9]* received'
ip link set va master br0; ip netns exec b ping -c1 -W2 -q 10.9.0.2 | grep -o '[0-9]* received'
ip link del br0; ip -o link show va | grep -o 'master br0' | wc -l
say carrier
ip link set va up; ip -n a link set uplink down; sleep 1.1; ip -o link show va | grep -o '<[A-Z,_-]*>'; cat /sys/class/net/va/operstate
ip -n a link set uplink up; sleep 1.1; cat /sys/class/net/va/operstate
say gone
ip netns del b; sleep 0.3; ip -o link show vb 2>&1
ip -n r link del eth0; ip -o link show vr 2>&1
say monitor
timeout 1 ip monitor link address > /run/mon & sleep 0.3
ip link add m0 type bridge; ip link set m0 up; ip addr add 10.6.0.1/24 dev m0; ip link del m0; wait
grep -o 'm0.*mtu\|inet 10.6.0.1\|Deleted' /run/mon | sort | uniq -c | awk '{print $2, $3, ($1 > 0)}'; rm /run/mon
say lo
ip -n r addr show lo | grep -c inet; ip -n r link set lo down; ip -n r -o link show lo | grep -o '<[A-Z,_]*>'; ip netns exec r ping -c1 -W1 127.0.0.1 2>&1 | head -1
ip -n r link set lo up; ip netns exec r ping -c1 -W1 -q 127.0.0.1 | grep -o '[0-9]* received'
for n in a r; do ip netns del $n; done
ls /run/netns | grep '^[abr]$'
exit 0
