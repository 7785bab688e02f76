# dnsmasq against dig and glibc's resolver.
ports=(5353)

server() {
	exec dnsmasq --keep-in-foreground --port=5353 --no-resolv --no-hosts --user=root --pid-file= --log-facility=- --conf-file=/dev/null --local=/test/ \
		--host-record=one.test,192.0.2.1,2001:db8::1 --cname=alias.test,one.test --mx-host=test,one.test,10 --ptr-record=7.2.0.192.in-addr.arpa,seven.test \
		--address=/wild.test/192.0.2.9 --txt-record="long.test,$(printf 'x%.0s' {1..250}),$(printf 'y%.0s' {1..250}),$(printf 'z%.0s' {1..250}),$(printf 'w%.0s' {1..250}),$(printf 'v%.0s' {1..250}),$(printf 'u%.0s' {1..250})"
}

client() {
	local a
	for a in "$a4" "$a6"; do
		local ask="dig -p 5353 @$a +time=5 +tries=1"
		try $ask +short one.test A one.test AAAA alias.test A test MX some.wild.test A
		try $ask +noall +comments +answer none.test | sed 's/id: [0-9]*/id: N/; /COOKIE/d'
		try $ask +short -x 192.0.2.7
		try $ask +tcp +short one.test
		try $ask +short long.test TXT | cksum
		try $ask +notcp +ignore +bufsize=512 long.test TXT | keep 'flags: [^;]*;'
		try $ask +short $(printf 'h%d.wild.test ' {1..50}) | sort | uniq -c
	done
	try dig -p 5354 "@$a4" +time=1 +tries=1 one.test | keep 'connection refused|no servers could be reached|status.*'
}
