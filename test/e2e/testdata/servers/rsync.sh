# rsync's daemon.
ports=(8730)

prepare() {
	mkdir -p tree/{a,b}/c
	seq 1 "$(pick 200000 10000000)" >tree/a/large
	for i in $(seq 1 100); do echo "$i" >"tree/b/c/file $i"; done
	ln -s ../a/large tree/b/link
	touch -d @1000000000 tree/a/c
}

server() {
	mkdir -p in
	cat >rsyncd.conf <<-X
		use chroot = no
		uid = root
		[tree]
			path = $shared/tree
		[in]
			path = $PWD/in
			read only = no
	X
	exec rsync --daemon --no-detach --config=rsyncd.conf --port=8730 --log-file=/dev/stderr
}

client() {
	local url=rsync://$a4:8730
	try rsync "$url/"
	try rsync -a "$url/tree/" got/
	diff -r got "$shared/tree" && stat -c %Y got/a/c
	seq 5 200000 >got/a/large && touch -d @1100000000 got/a/large
	try rsync -a -i --checksum "rsync://[$a6]:8730/tree/" got/
	diff -r got "$shared/tree" && echo the same
	try rsync -a -i "$shared/tree/b" "$url/in/" | sort | cksum
	try rsync -a -i --delete "$shared/tree/a/" "$url/in/b/" | sort | cksum
	try rsync "$url/in/b/" | sed 's/.* //'
	try rsync "$url/none/"
	try rsync "rsync://$a4:8731/" 2>&1 | sed 's/ at .*//'
}
