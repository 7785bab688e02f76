# nginx against curl, wget and wrk: large bodies, ranges, keep-alive, TLS.
ports=(8080 8443)

prepare() {
	mkdir www
	echo "a small file" >www/small
	seq 1 "$(pick 1000000 10000000)" >www/large
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
		-subj /CN=server.test -addext subjectAltName=DNS:server.test 2>/dev/null
	chmod 644 key.pem
}

server() {
	cat >nginx.conf <<-X
		daemon off;
		worker_processes 2;
		pid $PWD/pid;
		user nobody nogroup;
		events { worker_connections 256; }
		http {
			access_log off;
			sendfile on;
			tcp_nopush on;
			client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy; fastcgi_temp_path $PWD/fastcgi;
			uwsgi_temp_path $PWD/uwsgi; scgi_temp_path $PWD/scgi;
			server {
				listen 8080; listen [::]:8080; listen 8443 ssl; listen [::]:8443 ssl;
				ssl_certificate $shared/cert.pem; ssl_certificate_key $shared/key.pem;
				root $shared/www;
				location /who { return 200 "\$request_method \$server_protocol\n"; }
				location /through/ { proxy_pass http://127.0.0.1:8080/; }
				location /slow { limit_rate 300k; alias $shared/www/small; }
			}
		}
	X
	exec nginx -e stderr -c "$PWD/nginx.conf"
}

client() {
	local url=http://$a4:8080
	try curl -sS $url/small "http://[$a6]:8080/small" $url/who
	try curl -sS -D - -o /dev/null $url/small | grep -v -e ^Date -e ^ETag -e ^Last
	try curl -sS $url/large | cksum
	try curl -sS -g "http://[$a6]:8080/through/large" | cksum
	try curl -sS -r 100-120,-10 $url/small
	try curl -sS -r 1000000-1000030 $url/large
	echo
	try curl -sS -o /dev/null -o /dev/null -o /dev/null -w '%{http_code} %{num_connects} %{size_download}\n' $url/small $url/nothing $url/large
	try curl -sS -I $url/large | head -n 1
	try curl -sS -H 'Connection: close' -w '%{num_connects}\n' $url/small -w '%{num_connects}\n' $url/small
	try curl -sS --cacert "$shared/cert.pem" --resolve "server.test:8443:$a4" https://server.test:8443/small
	try curl -sS --cacert "$shared/cert.pem" --resolve "server.test:8443:[$a6]" https://server.test:8443/large | cksum
	try curl -sS "https://$a4:8443/small" | head -n 1
	head -c 3000000 /dev/zero | try curl -sS -T - -o /dev/null -w '%{http_code}\n' $url/small
	curl -sS -Z --parallel-max 10 "$url/small?[1-30]" 2>/dev/null | sort | uniq -c
	try curl -sS http://$a4:8081/ | sed 's/after [0-9]* ms/after N ms/'
	try wget -q -O - "$url/large" | cksum
	curl -sS -r 0-99999 -o large $url/large
	try wget -q -c $url/large
	cksum <large
	try wrk -t1 -c8 -d "$(pick 1 10)s" "$url/small" | keep 'Running.*s test|Non-2xx.*|Socket errors.*'
	[[ ! $full ]] || try wrk -t1 -c8 -d5s -H 'Connection: close' "$url/small" | keep 'Running.*s test|Non-2xx.*'
}
