# netcat and socat: streams, half-closes, datagrams.
ports=(7200 7201 7202 7203)

server() {
	socat TCP6-LISTEN:7200,fork,reuseaddr,ipv6only=0 EXEC:cat &
	socat UDP6-RECVFROM:7201,fork,ipv6only=0 EXEC:'tr a-z A-Z' &
	socat TCP6-LISTEN:7202,fork,reuseaddr,ipv6only=0 SYSTEM:'cksum' &
	while :; do seq 1 100000 | nc -N -l 7203; done
}

stop() { kill -TERM "$pid" && kill -TERM $(pgrep -x 'socat|nc'); }

client() {
	local a
	for a in "$a4" "$a6"; do
		seq 1 200000 | try nc -N "$a" 7200 | cksum
		seq 1 200000 | try nc -N "$a" 7202
		echo datagram | try nc -u -w 1 -W 1 "$a" 7201
		[[ $a == *:* ]] || { try nc -w 5 "$a" 7203 </dev/null | cksum; }
		try nc -z -v "$a" 7200
		try nc -z -v "$a" 7209
		[[ $a == *:* ]] && a="[$a]"
		seq 1 200000 | try socat -t 10 - "TCP:$a:7200,nodelay,sndbuf=20000" | cksum
		echo of socat | try socat -t 0.3 - "UDP:$a:7201"
		try socat -u "TCP:$a:7209" - 2>&1 | sed 's/.*\] E/E/'
	done
}
