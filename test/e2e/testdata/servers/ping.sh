# ping and traceroute: the server is the kernel.
server() { exec sleep infinity; }

client() {
	local a
	for a in "$a4" "$a6"; do
		try ping -n -c 3 -i 0.1 "$a" | sed 's/time.*//; s/rtt.*//'
		try ping -n -c 2 -i 0.1 -s 5000 "$a" | sed 's/time.*//; s/rtt.*//'
		try ping -n -c 2 -i 0.1 -t 3 -Q 16 -p ff "$a" | sed 's/time.*//; s/rtt.*//'
		try ping -n -q -i 0.002 -c 100 "$a" | keep '[0-9]+ packets transmitted, [0-9]+ received'
		try traceroute -n "$a" | sed 's/ms.*//; s/[0-9.]*  *$//'
		try traceroute -n -I "$a" | sed 's/ms.*//; s/[0-9.]*  *$//'
		try traceroute -n -T -p 7299 "$a" | sed 's/ms.*//; s/[0-9.]*  *$//'
	done
}
