#!/usr/bin/env bash
# One side of a pair of programs: run.sh PAIR ROLE [IPv4 IPv6], in a directory of its own.
# PAIR.sh has the functions server and client, and perhaps prepare, whose files both sides
# find in $shared; ports is what the server listens at. The roles:
#
#   prepare  once for all
#   server   says "ready", goes on until its input ends, then says how the server ended
#   client   says what client says
#   both     on the loopback
set -u
dir=$(dirname "$(readlink -f "$0")")
shared=$(dirname "$PWD")
role=$2 a4=${3-} a6=${4-}
ports=()
full=${GLOVEBOX_FULL:+1}

# pick is for numbers: the second with GLOVEBOX_FULL.
pick() { if [[ $full ]]; then echo "$2"; else echo "$1"; fi; }

# try runs a client and says how it ended; addresses are not those of every run.
try() {
	local status=0
	"$@" 2>&1 || status=$?
	((status == 0)) || echo "status $status: $*"
}

# keep has the lines with these words alone: the rest are figures.
keep() { grep -oE "$1"; }

# listening: each port is in a table of the kernel's, in the state of a listener or of UDP.
listening() {
	local p
	for p in "${ports[@]}"; do
		cat /proc/net/{tcp,tcp6,udp,udp6} | grep -qE "$(printf ':%04X [0-9A-F]+:0000 0[A7] ' "$p")" || return 1
	done
}

start() {
	server >server.log 2>&1 &
	pid=$!
	until listening; do
		if ((SECONDS > 30)) || ! kill -0 "$pid" 2>/dev/null; then
			echo "no server: $(cat server.log)"
			exit 1
		fi
		sleep 0.02
	done
}

stop() { kill -TERM "$pid"; }

finish() {
	local status=0
	stop
	wait "$pid" || status=$?
	echo "server: status $status"
}

same() { sed -uE "s,10\.91\.0\.[12]|127\.0\.0\.1,ADDR4,g; s,fd91::[12]|::1\b|(fd91|0000):0000[0:]*:000[12],ADDR6,g; s,$PWD,HERE,g; s,$shared,SHARED,g"; }

. "$dir/$1.sh"
case $role in
prepare) if declare -F prepare >/dev/null; then shared=$PWD && prepare; fi ;;
server)
	start
	echo ready
	cat >/dev/null
	finish
	;;
client) client 2>&1 | same ;;
both)
	start
	client 2>&1 | same
	finish
	;;
esac
