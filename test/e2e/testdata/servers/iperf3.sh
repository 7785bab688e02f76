# iperf3: TCP and UDP, there and back.
ports=(5201)

server() { exec iperf3 -s -p 5201; }

# amount runs a test and says whether what was sent came.
amount() {
	iperf3 -J -p 5201 "$@" >out.json || { grep '"error"' out.json; return 1; }
	/usr/bin/python3 - "$@" <<-'X'
		import json, sys
		e = json.load(open("out.json"))["end"]
		if "sum_sent" in e:
		    sent, got = e["sum_sent"]["bytes"], e["sum_received"]["bytes"]
		else:
		    sent, got = e["sum"]["bytes"], e["sum"]["bytes"]
		print("OK" if sent > 100000 and got > 100000 else (sent, got), *sys.argv[3:])
	X
}

client() {
	local n; n=$(pick 20M 2000M)
	try amount -c "$a4" -n "$n"
	try amount -c "$a4" -n "$n" -R
	try amount -c "$a6" -n "$n" -P 4
	try amount -c "$a4" -n 5M --bidir
	try amount -c "$a4" -n 5M -Z -w 64K
	try amount -c "$a4" -n 5M -M 500 -N
	try amount -c "$a4" -u -b "$(pick 20M 200M)" -n "$(pick 1M 200M)"
	try amount -c "$a6" -u -b 20M -n 1M -R -l 400
	try iperf3 -c "$a4" -p 5202 2>&1
}
