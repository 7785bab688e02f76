# What people do with docker's networks, by one runtime: docker-net.sh RUNTIME. The outputs
# of two are compared. DOCKER_HOST is a daemon of the test's own, in a network namespace of
# its own, bb a busybox image, the working directory scratch.
rt=$1
run() { timeout 60 docker run --runtime $rt "$@"; }
say() { echo "== $*"; }
# served NAME ARGS...: a container that answers at port 80 with its name.
served() { name=$1; shift; run -d --name $name "$@" bb sh -c "while :; do echo $name | nc -l -p 80; done" >/dev/null; sleep 1; }
gateway=172.17.0.1
ask() { sleep 0.3; echo | busybox nc -w 2 "$@"; } # the server is a new process each time
say bridge; run --rm bb sh -c 'ip -4 -o addr show | awk "{print \$2, \$4}"; ip route | sed "s/ *$//" | sort; cat /etc/hosts | wc -l'
say a low port; run --rm -u 5 bb sh -c 'exec 2>&1; nc -l -p 80 -w 1; echo; cat /proc/sys/net/ipv4/ip_unprivileged_port_start'
say ping; run --rm bb ping -c 2 -q $gateway | grep packets; run --rm bb ping -c 1 -W 1 10.255.255.254 | grep packets
say published; served p1 -p 18080:80; ask 127.0.0.1 18080; ask $(docker inspect -f '{{.NetworkSettings.IPAddress}}' p1) 80; docker exec p1 sh -c 'sleep 0.3; echo | nc -w 2 127.0.0.1 80'; docker rm -f p1
say neighbours; served p2; run --rm bb sh -c "echo | nc -w 2 $(docker inspect -f '{{.NetworkSettings.IPAddress}}' p2) 80"
say refused; run --rm bb sh -c "exec 2>&1; nc -w 2 $gateway 9; echo \$?" 
say container; run --rm --network container:p2 bb sh -c 'sleep 0.3; echo | nc -w 2 127.0.0.1 80; ip -4 -o addr show eth0 | wc -l; exit 4'; echo $?; docker rm -f p2
say names; docker network create n1 >/dev/null; served s1 --network n1 --network-alias alias; run --rm --network n1 bb sh -c 'for n in s1 alias; do sleep 0.3; echo | nc -w 2 $n 80; done; nslookup nowhere 2>&1 | grep -c NXDOMAIN | sed "s/[1-9]/some/"'
say two networks; docker network create n2 >/dev/null; docker network connect n2 s1; run --rm --network n2 bb sh -c 'ip -4 -o addr show eth0 | wc -l'
docker rm -f s1; docker network rm n1 n2
say udp; run -d --name u1 bb sh -c 'nc -u -l -p 53 -e cat' >/dev/null 2>&1; docker rm -f u1
say restart; served r1; docker restart -t 1 r1; sleep 1; run --rm bb sh -c "echo | nc -w 2 $(docker inspect -f '{{.NetworkSettings.IPAddress}}' r1) 80"; docker rm -f r1
say none; run --rm --network none bb ip -4 -o addr show | awk '{print $2, $4}'
say stats; served t1; docker stats --no-stream --format '{{.NetIO}}' t1 | grep -c B; docker rm -f t1
