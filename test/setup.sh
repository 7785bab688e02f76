#!/usr/bin/env bash
# Installs what the tests need, where root runs it on Debian; says what is missing where not.
set -euo pipefail

# The programs that the tests run, and the Debian packages that hold them.
missing=()
need() { # program package...
	command -v "$1" >/dev/null || missing+=("${@:2}")
}
need gcc gcc libc6-dev
need g++ g++
need make make
need busybox busybox-static
need ps procps
need lscpu util-linux
need ip iproute2
need ping iputils-ping
need tcpdump tcpdump
need netstat net-tools
need arping arping
need openssl openssl
need perl perl
need /usr/bin/python3 python3
need git git
need xz xz-utils
need bzip2 bzip2
need zstd zstd
need bc bc
need file file
need xxd xxd
need setfattr attr
need cpio cpio
need node nodejs
need javac default-jdk-headless
if ((${#missing[@]})); then
	if ((EUID != 0)); then
		echo "the tests need more programs: sudo apt-get install ${missing[*]}" >&2
		exit 1
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"
fi
# Clients, without which their tests are skipped: not every machine may have them.
((EUID == 0)) || exit 0
for client in dockerd:docker.io podman:podman /usr/bin/catatonit:catatonit qemu-system-x86_64:qemu-system-x86 /lib/systemd/systemd:systemd iptables-legacy:iptables slirp4netns:slirp4netns /usr/lib/cni/bridge:containernetworking-plugins; do
	command -v "${client%:*}" >/dev/null && continue
	package=${client#*:}
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package" ||
		(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package") ||
		echo "no $package: its test will be skipped"
done
# Servers and their clients (TestServers). Only a test starts them.
servers=()
for program in nginx:nginx-light wget:wget curl:curl wrk:wrk redis-server:redis-server redis-benchmark:redis-tools /usr/lib/postgresql:postgresql memcached:memcached \
	iperf3:iperf3 /usr/sbin/sshd:openssh-server ssh:openssh-client dnsmasq:dnsmasq-base dig:bind9-dnsutils rsync:rsync nc.openbsd:netcat-openbsd socat:socat \
	ping:iputils-ping traceroute:traceroute; do
	[[ -e ${program%:*} ]] || command -v "${program%:*}" >/dev/null || servers+=("${program#*:}")
done
if ((${#servers[@]})); then
	policy=/usr/sbin/policy-rc.d
	[[ -e $policy ]] && policy= || install -m 755 /dev/stdin $policy <<<$'#!/bin/sh\nexit 101'
	(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${servers[@]}") ||
		echo "not all of ${servers[*]}: their tests will be skipped"
	[[ -z $policy ]] || rm $policy
fi
# The kernel of the emulated machine (test/vm).
cd "$(dirname "$0")/.."
if [[ ! -f .vm/vmlinuz ]] && command -v qemu-system-x86_64 >/dev/null; then
	rm -rf .vm && mkdir -p .vm/package
	kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/{print $2; exit}')
	(cd .vm/package && apt-get download -qq "$kernel" 2>/dev/null && dpkg-deb -x ./*.deb . && mv boot/vmlinuz-* ../vmlinuz) ||
		echo "no kernel: tests in an emulated machine will be skipped"
	rm -rf .vm/package
fi
