# openssl s_server against s_client: TLS and DTLS.
ports=(4433 4434 4435)

prepare() {
	seq 1 100000 >large
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
		-subj /CN=server.test -addext subjectAltName=DNS:server.test 2>/dev/null
}

server() {
	local how="-cert $shared/cert.pem -key $shared/key.pem"
	cd "$shared"
	openssl s_server $how -accept 4434 -rev -quiet &
	tail -f /dev/null | openssl s_server $how -dtls -accept 4435 -quiet &
	exec openssl s_server $how -accept 4433 -WWW -quiet
}

stop() { kill -TERM $(pgrep -x openssl) $(pgrep -x tail); }

client() {
	local how="-CAfile $shared/cert.pem -verify_return_error -servername server.test"
	for a in "$a4" "[$a6]"; do
		printf 'GET /large HTTP/1.0\r\n\r\n' | try openssl s_client $how -connect "$a:4433" -quiet -ign_eof 2>/dev/null | cksum
		(seq 1 5; sleep 0.2) | try openssl s_client $how -connect "$a:4434" -tls1_2 -quiet -no_ign_eof 2>/dev/null
		try openssl s_client $how -connect "$a:4434" -tls1_3 </dev/null 2>&1 | keep '^(New, .*|Verif.*|subject=.*|CONNECTED)'
	done
	(sleep 0.2; echo over datagrams; sleep 0.2) | try timeout 10 openssl s_client $how -dtls -connect "$a4:4435" 2>&1 | keep '^(New, .*|Verif.*|subject=.*|CONNECTED)'
	try openssl s_client -connect "$a4:4436" </dev/null 2>&1 | keep 'Connection refused|connect:errno=.*|status.*'
}
