# What people do with podman's networks, by one runtime: podman-net.sh RUNTIME, a path. The
# outputs of two are compared. The working directory is scratch, rootfs in it a busybox
# root; the network namespace is the test's own.
rt=$1
pm() { timeout 60 podman --root $PWD/root --runroot $PWD/run --tmpdir $PWD/tmp --network-config-dir $PWD/cni --cgroup-manager cgroupfs --events-backend file --runtime $rt "$@"; }
# On some machines nobody may raise a limit, which the defaults do.
printf '[containers]\ndefault_ulimits=["nofile=1000:1000","nproc=1000:1000"]\n' > limits.conf; export CONTAINERS_CONF=$PWD/limits.conf
run() { pm run "$@"; }
say() { echo "== $*"; }
ask() { sleep 0.3; echo | busybox nc -w 2 "$@"; }
# served NAME ARGS...: a container that answers at port 80 with its name.
served() { name=$1; shift; run -d --name $name "$@" --rootfs $PWD/rootfs sh -c "while :; do echo $name | nc -l -p 80; done" >/dev/null; sleep 1; }
say bridge; run --rm --cap-add NET_RAW --rootfs $PWD/rootfs sh -c 'ip -4 -o addr show | awk "{print \$2}"; ip route | wc -l; ping -c 1 -q $(ip route | awk "/default/{print \$3}") | grep packets'
say published; served p1 -p 18081:80; ask 127.0.0.1 18081; ask $(pm inspect -f '{{.NetworkSettings.IPAddress}}' p1) 80
say neighbour; run --rm --rootfs $PWD/rootfs sh -c "sleep 0.3; echo | nc -w 2 $(pm inspect -f '{{.NetworkSettings.IPAddress}}' p1) 80"
say container; run --rm --network container:p1 --rootfs $PWD/rootfs sh -c 'sleep 0.3; echo | nc -w 2 127.0.0.1 80; exit 4'; echo $?; pm rm -f -t 0 p1 | wc -l
say pod; pm pod create --name pod -p 18082:80 >/dev/null; served q1 --pod pod; ask 127.0.0.1 18082; run --rm --pod pod --rootfs $PWD/rootfs sh -c 'sleep 0.3; echo | nc -w 2 127.0.0.1 80'; pm pod rm -f -t 0 pod | wc -l
say none; run --rm --network none --rootfs $PWD/rootfs ip -4 -o addr show | awk '{print $2, $4}'
