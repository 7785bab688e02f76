#!/bin/busybox sh
# The first process of the emulated machine (vm_test.go): the control groups that mode=
# on the kernel's command line names, and the tests that tests= does.
case $1 in
again) ;;
tests)
	for word in $(cat /proc/cmdline); do
		case $word in tests=*) tests=${word#tests=} ;; esac
	done
	cd /tmp
	e2e -test.v -test.run "$tests"
	echo "status $?"
	poweroff -f
	;;
*)
	# Not the kernel's first root: pivot_root(2) does not leave that one.
	/bin/busybox mkdir /new
	/bin/busybox mount -t tmpfs new /new
	for f in /bin /init /etc /lib /lib64 /usr; do
		[ ! -e $f ] || /bin/busybox cp -r $f /new
	done
	exec /bin/busybox switch_root /new /init again
	;;
esac
export PATH=/bin TMPDIR=/tmp HOME=/ GLOVEBOX_RUNSC=/bin/runsc
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp /run /etc
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
chmod 1777 /tmp /dev/shm
echo root:x:0:0::/:/bin/sh > /etc/passwd
case $(cat /proc/cmdline) in
*mode=systemd*)
	exec /lib/systemd/systemd
	;;
*mode=unified*)
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	;;
*mode=hybrid*)
	mount -t tmpfs cgroups /sys/fs/cgroup
	cd /sys/fs/cgroup
	for c in memory pids cpu,cpuacct cpuset freezer devices; do
		mkdir $c
		mount -t cgroup -o $c $c $c
	done
	ln -s cpu,cpuacct cpu
	mkdir unified
	mount -t cgroup2 cgroup2 unified
	;;
esac
exec /init tests
