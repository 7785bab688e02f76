# What people do with docker, by one runtime: docker.sh RUNTIME. The outputs of two
# are compared; what differs by right (kernels, ids) is not printed. DOCKER_HOST is
# a daemon of the test's own, bb a busybox image, the working directory scratch.
rt=$1
run() { timeout 60 docker run --runtime $rt --network none "$@"; }
say() { echo "== $*"; }
say exit; run --rm bb sh -c 'echo out; echo err >&2; exit 6'; echo $?
say missing; run --rm bb nope >/dev/null 2>&1; echo $?; run --rm bb /etc >/dev/null 2>&1; echo $?
say env; run --rm -e A=b -w /tmp -u 5:6 --hostname box bb sh -c 'echo $A; pwd; id -u; id -g; hostname'
say stdin; echo hello | run --rm -i bb cat
say volume; d=$PWD/v; mkdir -p $d; echo host > $d/f; run --rm -v $d:/v bb sh -c 'cat /v/f; echo new > /v/g'; cat $d/g; run --rm -v $d:/v:ro bb sh -c 'echo x > /v/h' 2>&1; echo $?; rm -rf $d
say tmpfs; run --rm --tmpfs /t:size=64k bb sh -c 'mount | grep -c " /t type tmpfs"; head -c 100000 /dev/zero > /t/x; echo $?' 2>/dev/null
say readonly; run --rm --read-only bb sh -c 'echo x > /x' 2>&1; echo $?
say limits; run --rm --ulimit nofile=77:99 bb sh -c 'ulimit -n; ulimit -Hn'
say pids; run --rm --pids-limit 10 bb sh -c 'n=0; while [ $n -lt 15 ]; do sleep 1 >/dev/null 2>&1 & n=$((n+1)); done' 2>&1 | head -1
say memory; run --rm --memory 16m bb echo small
say oom; run --name oom --memory 32m bb tail /dev/zero; echo $?; docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom; docker rm oom
say caps; run --rm --cap-drop ALL bb grep CapEff /proc/self/status; run --rm --cap-drop ALL --cap-add CHOWN bb grep CapBnd /proc/self/status
say init; run --rm --init bb sh -c 'grep -c init /proc/1/cmdline; echo done'
say detached; id=$(run -d --name c1 bb sh -c 'trap "echo got; exit 5" TERM; echo up; sleep 1000 & wait'); sleep 1; docker logs c1; docker exec c1 sh -c 'echo in; exit 9'; echo $?; echo piped | docker exec -i c1 cat; docker exec -e A=b -w /tmp -u 5:6 c1 sh -c 'echo $A; pwd; id -u; id -g'; docker exec c1 nope >/dev/null 2>&1; echo $?
say exec -d; docker exec -d c1 sh -c 'echo x > /tmp/mark'; sleep 0.5; docker exec c1 cat /tmp/mark
say tty; script -qec 'stty rows 24 cols 80; docker exec -it c1 sh -c "tty; until stty size 2>/dev/null | grep \"24 80\"; do sleep 0.05; done"' /dev/null | tr -d '\r\000' | sed 's/\^@//'
say top; docker top c1 | wc -l; docker top c1 -o pid,args | sed "1d; s,^ *[0-9]* *,," | sort
say pause; docker pause c1; docker inspect -f '{{.State.Status}}' c1; docker unpause c1; docker inspect -f '{{.State.Status}}' c1
say stats; docker stats --no-stream --format '{{.Name}} {{.PIDs}}' c1 | grep -c 'c1 [0-9]'
say cp; echo from > from; docker cp from c1:/tmp/to; docker exec c1 cat /tmp/to; docker exec c1 sh -c 'echo inside > /tmp/f'; docker cp c1:/tmp/f got; cat got
say diff; docker diff c1 | sort | grep -v ' /tmp$' | head -5
say update; docker update --memory 100m --memory-swap 200m c1 >/dev/null; docker inspect -f '{{.HostConfig.Memory}}' c1
say stop; docker stop -t 5 c1; docker inspect -f '{{.State.ExitCode}}' c1; docker logs c1
say restart; docker start c1; sleep 0.5; docker inspect -f '{{.State.Running}}' c1; docker kill -s TERM c1; docker wait c1; docker commit c1 img-$rt >/dev/null; run --rm img-$rt cat /tmp/f; docker rm c1
say rmf; run -d --name c2 bb sleep 1000 >/dev/null; docker rm -f c2; docker ps -aq | wc -l
say it; script -qec "docker run --rm -it --runtime $rt --network none bb sh -c 'tty; echo hi; exit 3'" /dev/null | tr -d '\r\000' | sed 's/\^@//'
say policy; run -d --name c3 --restart on-failure:2 bb sh -c 'echo once; exit 1' >/dev/null; sleep 4; docker logs c3; docker inspect -f '{{.RestartCount}}' c3; docker rm -f c3
say health; run -d --name c4 --health-cmd 'test -e /tmp/ok' --health-interval 1s bb sh -c 'touch /tmp/ok; sleep 1000' >/dev/null; sleep 3; docker inspect -f '{{.State.Health.Status}}' c4; docker rm -f c4
say hosts pids; run --rm --pid host bb sh -c 'ls -d /proc/self; exit 4'; echo $?
say volumes; docker volume create named >/dev/null; run --rm -v named:/v bb sh -c 'echo kept > /v/f'; run --rm -v named:/v bb cat /v/f; docker volume rm named
say build; cp daemon.json daemon.json.was; sed "s/^{/{\"default-runtime\":\"$rt\",/" daemon.json.was > daemon.json; kill -HUP $(cat docker.pid); sleep 1; docker info -f '{{.DefaultRuntime}}' | sed "s/^$rt$/it/"
mkdir -p ctx; echo data > ctx/data; printf 'FROM bb\nCOPY data /data\nRUN cat /data > /made && echo u:x:77:77::/:/bin/sh >> /etc/passwd; id -u u\nWORKDIR /w\nENV A=b\nUSER u\nRUN test "$A" = b && pwd && id -un && test ! -w /made\nCMD ["sh", "-c", "cat /made; echo $A; id -un; pwd"]\n' > ctx/Dockerfile
docker build --network none --no-cache -t built-$rt ctx >build.log 2>&1; echo $?; grep -v -e '^ ---' -e '^Step' -e '^Success' -e '^Removing' -e '^Sending' build.log; run --rm built-$rt; cp daemon.json.was daemon.json; kill -HUP $(cat docker.pid); sleep 0.5
ct() { timeout 60 ctr --address $PWD/containerd.sock "$@"; }
say ctr; bin=$(command -v runc); [ $rt = runc ] || bin=$(sed 's/.*"path":"\([^"]*\)".*/\1/' daemon.json)
ct run --rm --runc-binary $bin --rootfs $PWD/rootfs r1 /bin/sh -c 'echo out; exit 6'; echo $?; ct run --rm --runc-binary $bin --env A=b --cwd /tmp --rootfs $PWD/rootfs r3 /bin/sh -c 'echo $A; pwd; /bin/id -u'
ct run -d --runc-binary $bin --env PATH=/bin --rootfs $PWD/rootfs r4 /bin/sh -c 'trap "exit 5" TERM; sleep 1000 & wait'; ct task exec --exec-id e1 r4 /bin/sh -c 'echo in; exit 9'; echo $?; ct task ls | awk '$1 == "r4" {print $3}'; ct task pause r4; ct task ls | awk '$1 == "r4" {print $3}'; ct task resume r4; ct task ps r4 | wc -l; ct task metrics r4 | grep -c pids; ct task kill -s TERM r4; sleep 1; ct task ls | awk '$1 == "r4" {print $3}'; ct task rm r4; echo $?; ct container rm r4
