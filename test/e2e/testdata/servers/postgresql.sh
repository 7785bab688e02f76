# PostgreSQL, as a user that is not root, against psql and pgbench.
ports=(5432)
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)

server() {
	chown nobody .
	setpriv --reuid=nobody --regid=nogroup --clear-groups bash -e <<-X
		"$bin/initdb" -D data -A trust -E UTF8 --no-locale ${full:---no-sync}
		echo "host all all 0.0.0.0/0 trust" >>data/pg_hba.conf
		echo "host all all ::/0 trust" >>data/pg_hba.conf
		"$bin/pg_ctl" -w -D data -l log -o "-k '' -h '*' -p 5432" start
	X
	sleep infinity &
	wait
}

stop() {
	setpriv --reuid=nobody --regid=nogroup --clear-groups "$bin/pg_ctl" -D data -m fast stop
	kill -TERM "$pid"
}

client() {
	export PGHOST=$a4 PGPORT=5432 PGUSER=nobody PGDATABASE=postgres
	try psql -At -c 'select 6*7' -c 'select version() is not null'
	PGHOST=$a6 try psql -At -c 'select count(*) from pg_class where relname like $$pg_a%$$'
	try psql -q -c 'create table t (n int primary key, s text)'
	seq 1 20000 | sed 's/.*/&\tthe number &/' | try psql -c '\copy t from stdin'
	try psql -At -c 'select * from t order by n' | cksum
	try psql -At -c "select md5(string_agg(s, ',' order by n)), repeat('x', 3000000) from t" | cksum
	try psql -c 'insert into t values (1, null)' -c 'select no'
	try psql -At -c "set statement_timeout = 100" -c "select pg_sleep(10)"
	printf 'listen a;\nnotify a, $$word$$;\nselect 1;\n' | try psql -At | sed 's/PID [0-9]*/PID N/'
	try pgbench -q -i -s "$(pick 1 10)" 2>&1 | keep '^done|NOTICE.*'
	try pgbench -n -c 4 -j 2 -t "$(pick 10 500)" 2>&1 | keep '^number of .*|.*failed.*'
	try pgbench -n -C -S -c 2 -t 10 2>&1 | keep '^number of .*|.*failed.*'
	try pgbench -n -S -M prepared -c 4 -t 50 2>&1 | keep '^number of .*|.*failed.*'
	try psql -At -c 'select sum(tbalance) = (select sum(bbalance) from pgbench_branches), count(*) from pgbench_tellers'
	PGPORT=5433 try psql -c 'select 1'
}
