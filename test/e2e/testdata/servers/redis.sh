# redis-server against redis-cli and redis-benchmark.
ports=(6379)

server() { exec redis-server --port 6379 --bind 0.0.0.0 :: --protected-mode no --save '' --appendonly no; }

client() {
	local cli="redis-cli -h $a4 -p 6379"
	try $cli ping
	try $cli set key value
	try redis-cli -h "$a6" -p 6379 get key
	try $cli incr counter
	head -c "$(pick 3000000 30000000)" /dev/zero | tr '\0' x | try $cli -x set large
	try $cli get large | cksum
	seq 1 5000 | sed 's/.*/SET n& v&/' | try $cli --pipe | keep 'errors: .*'
	try $cli dbsize
	printf 'multi\nset a 1\nincr a\nexec\nlrange none 0 -1\nnothing\n' | try $cli
	try $cli blpop nobody 0.2
	(try timeout 10 $cli --csv blpop somebody 10) &
	sleep 0.3
	try $cli rpush somebody here >/dev/null
	wait $!
	try $cli eval 'return redis.call("get", KEYS[1])' 1 n77
	try $cli debug sleep 0
	try redis-benchmark -h "$a4" -p 6379 -q -c 20 -n "$(pick 1000 100000)" -t ping,set,get,lpush,lrange_100,mset | tr '\r' '\n' | keep '^[A-Z_ 0-9a-z()]+: [0-9.]+ requests per second' | sed 's/: .*//'
	try redis-benchmark -h "$a6" -p 6379 -q -c 50 -n "$(pick 1000 100000)" -P 16 -d 1000 -t set,get | tr '\r' '\n' | keep '^[A-Z]+: [0-9.]+ requests per second' | sed 's/: .*//'
	try redis-benchmark -h "$a4" -p 6379 -q -k 0 -c 5 -n 500 -t get | tr '\r' '\n' | keep '^[A-Z]+: [0-9.]+ requests per second' | sed 's/: .*//'
	try redis-cli -h "$a4" -p 6380 ping
}
