# sshd against ssh, scp and sftp; rsync over ssh.
ports=(2222)

prepare() {
	ssh-keygen -q -t ed25519 -N '' -f host
	ssh-keygen -q -t ed25519 -N '' -f user
	echo "[server.test]:2222 $(cut -d' ' -f1,2 host.pub)" >known
	seq 1 300000 >large
	mkdir -p /run/sshd # Debian's sshd separates its privileges there
}

server() {
	mkdir -p /run/sshd
	exec /usr/sbin/sshd -D -e -f /dev/null -p 2222 -h "$shared/host" -o "AuthorizedKeysFile=$shared/user.pub" \
		-o StrictModes=no -o UsePAM=no -o PidFile=none -o PermitRootLogin=yes -o Subsystem="sftp internal-sftp"
}

client() {
	local how="-F none -i $shared/user -o UserKnownHostsFile=$shared/known -o HostKeyAlias=[server.test]:2222 -o IdentitiesOnly=yes -o BatchMode=yes"
	try ssh $how -p 2222 "root@$a4" 'echo command; echo error >&2; exit 7'
	try ssh $how -p 2222 "root@$a6" 'id -u; echo ${SSH_CONNECTION% *} | cut -d" " -f3,4'
	try ssh $how -p 2222 "root@$a4" 'cat | cksum' <"$shared/large"
	try ssh $how -p 2222 "root@$a4" "cat $shared/large" | cksum
	try ssh $how -C -p 2222 "root@$a4" "cat $shared/large" | cksum
	try ssh $how -tt -p 2222 "root@$a4" 'tty >/dev/null && echo a terminal; stty -a | grep -o 'isig icanon.*'' </dev/null
	try ssh $how -p 2222 -o "UserKnownHostsFile=/dev/null" "root@$a4" true
	try scp -q $how -P 2222 "$shared/large" "root@$a4:$PWD/copy"
	try scp -q $how -P 2222 "root@[$a6]:$shared/large" back
	cksum <back
	printf 'put %s there\nls there\nget there again\nrm there\nls there\n' "$shared/large" | (cd "$PWD" && try sftp -q $how -P 2222 -b - "root@$a4:$PWD")
	cksum <again
	ssh $how -p 2222 -N -L 127.0.0.1:2223:127.0.0.1:2222 -o ExitOnForwardFailure=yes -o ControlMaster=yes -o "ControlPath=$PWD/control" "root@$a4" &
	until ssh -F none -o "ControlPath=$PWD/control" -O check x 2>/dev/null; do sleep 0.05; done
	try ssh $how -p 2223 root@127.0.0.1 'echo through a tunnel'
	try ssh $how -o "ControlPath=$PWD/control" "root@$a4" 'echo the same connection'
	kill %1 && wait
	mkdir -p tree/a/b && seq 1 1000 >tree/a/b/file && ln -s file tree/a/b/link
	try rsync -a -e "ssh $how -p 2222" tree "root@$a4:$PWD/received"
	try rsync -a --checksum -e "ssh $how -p 2222" "root@$a4:$PWD/received/tree/" came
	diff -r tree came && echo the same tree
	rm -rf received
}
