# What people do with podman, by one runtime: podman.sh RUNTIME, a path. The outputs
# of two are compared. The working directory is scratch, rootfs in it a busybox root.
pm() { timeout 60 podman --root $PWD/root --runroot $PWD/run --tmpdir $PWD/tmp --cgroup-manager cgroupfs --events-backend file --runtime $1 "${@:2}"; }
run() { pm $rt run --network none $rootful "$@"; }
say() { echo "== $*"; }
rt=$1
# On some machines nobody may raise a limit, which the defaults do.
rootful="--ulimit nofile=1000:1000 --ulimit nproc=1000:1000"
if [ $(id -u) != 0 ]; then rootful=; fi
say status; run --rm --rootfs $PWD/rootfs sh -c 'echo out; exit 5'; echo $?
say missing; run --rm --rootfs $PWD/rootfs nope >/dev/null 2>&1; echo $?
say environment; run --rm -e A=b -w /tmp --hostname box --rootfs $PWD/rootfs sh -c 'echo $A; pwd; hostname; id -u'
say stdin; echo hello | run --rm -i --rootfs $PWD/rootfs cat
say writes; run --rm --rootfs $PWD/rootfs sh -c 'echo x > /tmp/x'; cat rootfs/tmp/x
say volume; mkdir -p v; echo host > v/f; run --rm -v $PWD/v:/v --rootfs $PWD/rootfs sh -c 'cat /v/f; echo new > /v/g'; cat v/g
if [ $(id -u) = 0 ]; then
	say detached; run -d --name p1 --rootfs $PWD/rootfs sh -c 'trap "echo got; exit 7" TERM; echo up; sleep 1000 & wait' >/dev/null; sleep 0.5; pm $rt logs p1
	say exec; pm $rt exec p1 sh -c 'echo in; exit 4'; echo $?; echo piped | pm $rt exec -i p1 cat; pm $rt exec -e A=b -w /tmp -u 5:6 p1 sh -c 'echo $A; pwd; id -u; id -g'
	say pause; pm $rt pause p1 >/dev/null; pm $rt inspect -f '{{.State.Status}}' p1; pm $rt unpause p1 >/dev/null; pm $rt inspect -f '{{.State.Status}}' p1
	say stop; pm $rt stop -t 5 p1; pm $rt inspect -f '{{.State.ExitCode}}' p1; pm $rt logs p1; pm $rt rm p1 | wc -l
	say limits; run --rm --pids-limit 10 --memory 32m --rootfs $PWD/rootfs sh -c 'n=0; while [ $n -lt 15 ]; do sleep 1 >/dev/null 2>&1 & n=$((n+1)); done' 2>&1 | head -1
	say pod; printf '[containers]\ndefault_ulimits=["nofile=1000:1000","nproc=1000:1000"]\n' > limits.conf; export CONTAINERS_CONF=$PWD/limits.conf
	pm $rt pod create --name pod --hostname podded --network none --share ipc,uts,pid >/dev/null; echo $?
	pm $rt run -d --pod pod --name c1 --rootfs $PWD/rootfs sh -c 'trap "echo got; exit 7" TERM; hostname; sleep 1000 & wait' >/dev/null; echo $?
	pm $rt run --rm --pod pod --rootfs $PWD/rootfs sh -c 'grep -c . /proc/1/comm; [ $$ = 1 ] || ps -o args | grep -cx "sleep 1000"; exit 3'; echo $?
	pm $rt exec c1 sh -c 'ps -o args | grep -cx "sleep 1000"; hostname'; pm $rt ps -a --pod --format '{{.Names}} {{.Status}}' | sed 's/^[0-9a-f]*-infra/infra/; s/Up.*/Up/' | sort
	pm $rt stop -t 5 c1; pm $rt pod stop -t 5 pod | wc -l; pm $rt inspect -f '{{.State.ExitCode}}' c1; pm $rt pod start pod | wc -l; sleep 0.5; pm $rt logs c1; pm $rt pod rm -f pod | wc -l
fi
