// Readiness to the letter: epoll's edges, timerfd, eventfd, signalfd, splices,
// packets in pipes, and the corners of Unix sockets.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>

static int ready(int ep, struct epoll_event *e) { return epoll_wait(ep, e, 8, 0); }

static int add(int ep, int op, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};
	return epoll_ctl(ep, op, fd, &e);
}

static void epolls(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), p[2];
	struct epoll_event e[8];
	char b[100];
	pipe(p);
	CHECK(add(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET) == 0);
	FAILS(add(ep, EPOLL_CTL_ADD, p[0], EPOLLIN), EEXIST);
	FAILS(add(ep, EPOLL_CTL_MOD, p[1], EPOLLIN), ENOENT);
	FAILS(add(ep, EPOLL_CTL_DEL, p[1], 0), ENOENT);
	FAILS(add(ep, EPOLL_CTL_ADD, ep, EPOLLIN), EINVAL);
	FAILS(add(ep, EPOLL_CTL_ADD, 99, EPOLLIN), EBADF);
	FAILS(add(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN), EINVAL);
	int file = open("/e-file", O_CREAT | O_RDWR, 0600);
	FAILS(add(ep, EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
	FAILS(epoll_wait(ep, e, 0, 0), EINVAL);
	CHECK(ready(ep, e) == 0 && write(p[1], "a", 1) == 1);
	CHECK(ready(ep, e) == 1 && e[0].data.fd == p[0] && e[0].events == EPOLLIN && ready(ep, e) == 0);
	CHECK(write(p[1], "b", 1) == 1 && ready(ep, e) == 1 && ready(ep, e) == 0); // more data is an edge
	CHECK(add(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET) == 0 && ready(ep, e) == 1); // so is a change
	CHECK(add(ep, EPOLL_CTL_MOD, p[0], EPOLLIN) == 0 && ready(ep, e) == 1 && ready(ep, e) == 1);
	CHECK(add(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT) == 0 && ready(ep, e) == 1 && ready(ep, e) == 0);
	CHECK(write(p[1], "c", 1) == 1 && ready(ep, e) == 0 && add(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT) == 0 && ready(ep, e) == 1);
	CHECK(add(ep, EPOLL_CTL_MOD, p[0], 0) == 0 && ready(ep, e) == 0);
	// One epoll in another.
	int outer = epoll_create1(0);
	CHECK(add(outer, EPOLL_CTL_ADD, ep, EPOLLIN) == 0 && ready(outer, e) == 0);
	FAILS(add(ep, EPOLL_CTL_ADD, outer, EPOLLIN), ELOOP);
	CHECK(add(ep, EPOLL_CTL_MOD, p[0], EPOLLIN) == 0 && ready(outer, e) == 1 && e[0].data.fd == ep);
	// A closed file leaves the set, but not while a duplicate lives.
	int d = dup(p[0]);
	close(p[0]);
	CHECK(ready(ep, e) == 1 && read(d, b, 100) == 3);
	close(p[1]);
	CHECK(ready(ep, e) == 1 && e[0].events & EPOLLHUP);
	close(d);
	CHECK(ready(ep, e) == 0);
	int s[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	CHECK(add(ep, EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) == 0);
	CHECK(ready(ep, e) == 1 && e[0].events == EPOLLOUT && ready(ep, e) == 0);
	CHECK(shutdown(s[1], SHUT_WR) == 0 && ready(ep, e) == 1 && e[0].events == (EPOLLIN | EPOLLOUT | EPOLLRDHUP));
	close(s[1]);
	CHECK(ready(ep, e) == 1 && e[0].events == (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP));
	close(s[0]), close(ep), close(outer), close(file);
}

// chains counts the ways from a file to those who wait for it: Linux allows 500 over
// one instance in between, 100 over two.
static void chains(void)
{
	int low = epoll_create1(0), mid = epoll_create1(0), top = epoll_create1(0), other = epoll_create1(0);
	int p[2], d[600], n;
	pipe(p);
	CHECK(add(low, EPOLL_CTL_ADD, p[0], EPOLLIN) == 0);
	for (n = 0; n < 600; n++) {
		d[n] = dup(low);
		if (add(mid, EPOLL_CTL_ADD, d[n], EPOLLIN) != 0)
			break;
	}
	CHECK(n == 500 && errno == EINVAL);
	// 500 ways over two are more than 100.
	FAILS(add(top, EPOLL_CTL_ADD, mid, EPOLLIN), EINVAL);
	FAILS(add(top, EPOLL_CTL_ADD, low, EPOLLIN), EINVAL);
	for (int i = 0; i <= n; i++)
		close(d[i]);
	close(mid);
	// A file that comes later counts as well, and one way that goes makes room.
	mid = epoll_create1(0);
	CHECK(add(low, EPOLL_CTL_DEL, p[0], 0) == 0);
	for (n = 0; n < 600; n++)
		if ((d[n] = dup(low)) < 0 || add(mid, EPOLL_CTL_ADD, d[n], EPOLLIN) != 0)
			break;
	CHECK(n == 600);
	FAILS(add(low, EPOLL_CTL_ADD, p[0], EPOLLIN), EINVAL);
	for (int i = 0; i < 99; i++)
		CHECK(add(mid, EPOLL_CTL_DEL, d[i], 0) == 0);
	FAILS(add(low, EPOLL_CTL_ADD, p[0], EPOLLIN), EINVAL);
	CHECK(add(mid, EPOLL_CTL_DEL, d[99], 0) == 0 && add(low, EPOLL_CTL_ADD, p[0], EPOLLIN) == 0);
	struct epoll_event e[8];
	CHECK(ready(mid, e) == 0 && write(p[1], "x", 1) == 1 && ready(mid, e) == 8);
	// As many as one likes may wait for the file itself.
	for (n = 0; n < 300; n++)
		CHECK(add(other, EPOLL_CTL_ADD, d[n] = dup2(p[0], d[n]), EPOLLIN) == 0);
	for (n = 0; n < 600; n++)
		close(d[n]);
	close(low), close(mid), close(top), close(other), close(p[0]), close(p[1]);
}

static void timers(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	uint64_t n;
	struct itimerspec t = {{0, 5000000}, {0, 5000000}}, got;
	FAILS(timerfd_create(99, 0), EINVAL);
	FAILS(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	FAILS(read(fd, &n, 8), EAGAIN);
	FAILS(read(fd, &n, 4), EINVAL);
	CHECK(timerfd_settime(fd, 0, &t, &got) == 0 && got.it_value.tv_nsec == 0);
	usleep(30000);
	CHECK(read(fd, &n, 8) == 8 && n >= 4);
	CHECK(timerfd_gettime(fd, &got) == 0 && got.it_interval.tv_nsec == 5000000 && got.it_value.tv_nsec > 0);
	struct pollfd f = {fd, POLLIN};
	CHECK(poll(&f, 1, 5000) == 1 && f.revents == POLLIN);
	t = (struct itimerspec){};
	CHECK(timerfd_settime(fd, 0, &t, 0) == 0);
	FAILS(read(fd, &n, 8), EAGAIN); // setting it forgets expirations
	t.it_value.tv_nsec = 1000000000;
	FAILS(timerfd_settime(fd, 0, &t, 0), EINVAL);
	t.it_value = (struct timespec){1, 0};
	CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, 0) == 0 && poll(&f, 1, 1000) == 1 && read(fd, &n, 8) == 8 && n == 1);
	close(fd);
}

static void counters(void)
{
	int fd = eventfd(2, EFD_NONBLOCK), s = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	uint64_t n = 3, most = UINT64_MAX - 1;
	struct pollfd f = {fd, POLLIN | POLLOUT};
	CHECK(write(fd, &n, 8) == 8 && read(fd, &n, 8) == 8 && n == 5);
	FAILS(read(fd, &n, 8), EAGAIN);
	FAILS(write(fd, &n, 4), EINVAL);
	n = UINT64_MAX;
	FAILS(write(fd, &n, 8), EINVAL);
	CHECK(write(fd, &most, 8) == 8 && poll(&f, 1, 0) == 1 && f.revents == POLLIN);
	n = 1;
	FAILS(write(fd, &n, 8), EAGAIN);
	n = 0;
	CHECK(write(fd, &n, 8) == 8 && read(fd, &n, 8) == 8 && n == most && poll(&f, 1, 0) == 1 && f.revents == POLLOUT);
	CHECK(read(s, &n, 8) == 8 && n == 1 && read(s, &n, 8) == 8 && n == 1);
	FAILS(read(s, &n, 8), EAGAIN);
	FAILS(eventfd(0, 0x10), EINVAL);
	FAILS(lseek(fd, 0, SEEK_SET) == -1 ? -1 : (errno = ESPIPE, -1), ESPIPE);
	close(fd), close(s);

	sigset_t set;
	sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, 0);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	struct signalfd_siginfo i[4];
	FAILS(read(fd, i, sizeof i), EAGAIN);
	FAILS(read(fd, i, 10), EINVAL);
	sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 7}), kill(getpid(), SIGUSR1);
	CHECK(read(fd, i, sizeof i) == 2 * sizeof *i && i[0].ssi_signo == SIGUSR1 && i[0].ssi_pid == getpid());
	CHECK(i[1].ssi_signo == SIGRTMIN && i[1].ssi_int == 7 && i[1].ssi_code == SI_QUEUE);
	FAILS(signalfd(0, &set, 0), EINVAL);
	FAILS(signalfd(99, &set, 0), EBADF);
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, 0);
}

static void packets(void)
{
	int p[2], q[2], n;
	char b[8192] = {};
	CHECK(pipe2(p, O_DIRECT | O_NONBLOCK) == 0);
	CHECK(write(p[1], "one", 3) == 3 && write(p[1], "two", 3) == 3);
	CHECK(read(p[0], b, 2) == 2 && read(p[0], b, 100) == 3 && !strncmp(b, "two", 3)); // the rest of one is lost
	FAILS(read(p[0], b, 1), EAGAIN);
	CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK) == 0);
	for (n = 0; write(p[1], b, 4096) == 4096; n++)
		;
	CHECK(errno == EAGAIN && n == 16);
	FAILS(write(p[1], b, 1), EAGAIN);
	FAILS(fcntl(p[1], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK(read(p[0], b, 10) == 10);
	FAILS(write(p[1], b, 4096), EAGAIN); // small writes are whole or not at all
	CHECK(fcntl(p[1], F_SETPIPE_SZ, 1 << 17) == 1 << 17 && fcntl(p[0], F_GETPIPE_SZ) == 1 << 17);
	CHECK(write(p[1], b, 4096) == 4096);
	struct pollfd f = {p[1], POLLOUT};
	CHECK(poll(&f, 1, 0) == 1);
	pipe2(q, O_NONBLOCK);
	CHECK(tee(p[0], q[1], 5000, 0) == 5000 && splice(q[0], 0, p[1], 0, 100, 0) == 100);
	FAILS(tee(p[0], p[1], 1, 0), EINVAL);
	FAILS(splice(p[0], &(loff_t){0}, q[1], 0, 1, 0), ESPIPE);
	FAILS(splice(p[0], 0, q[1], 0, 1, 0x100), EINVAL);
	CHECK(splice(p[0], 0, q[1], 0, 0, 0) == 0);
	close(q[0]);
	signal(SIGPIPE, SIG_IGN);
	FAILS(splice(p[0], 0, q[1], 0, 10, 0), EPIPE);
	close(p[1]);
	while ((n = read(p[0], b, sizeof b)) > 0)
		;
	CHECK(n == 0);
	f = (struct pollfd){q[1], POLLOUT};
	CHECK(poll(&f, 1, 0) == 1 && f.revents & POLLERR);
	close(p[0]), close(q[1]);
	// A write that sleeps is finished by readers, piece by piece.
	pipe(p);
	pid_t c = fork();
	if (c == 0) {
		close(p[0]);
		static char big[300000];
		memset(big, 'w', sizeof big);
		_exit(write(p[1], big, sizeof big) != sizeof big);
	}
	close(p[1]);
	int total = 0, status;
	while ((n = read(p[0], b, 1000)) > 0)
		total += n;
	CHECK(total == 300000 && waitpid(c, &status, 0) == c && status == 0);
	close(p[0]);
}

static struct sockaddr_un address(const char *name, socklen_t *len)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strcpy(a.sun_path + (name[0] == '@'), name + (name[0] == '@'));
	*len = offsetof(struct sockaddr_un, sun_path) + strlen(name) + (name[0] != '@');
	return a;
}

static void addresses(void)
{
	socklen_t len, got = sizeof(struct sockaddr_un);
	struct sockaddr_un a = address("/e-sock", &len), back;
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0), n;
	FAILS(connect(c, (void *)&a, len), ENOENT);
	CHECK(bind(l, (void *)&a, len) == 0);
	struct sockaddr_un second = address("/e-second", &got);
	FAILS(bind(l, (void *)&second, got), EINVAL);
	got = sizeof back;
	FAILS(bind(c, (void *)&a, len), EADDRINUSE);
	FAILS(connect(c, (void *)&a, len), ECONNREFUSED);
	FAILS(accept(l, 0, 0), EINVAL);
	CHECK(listen(l, 1) == 0);
	FAILS(accept(l, 0, 0), EAGAIN);
	FAILS(connect(d, (void *)&a, len), EPROTOTYPE);
	FAILS(listen(d, 1), EOPNOTSUPP);
	FAILS(send(c, "x", 1, 0), ENOTCONN);
	FAILS(getpeername(c, (void *)&back, &got), ENOTCONN);
	CHECK(connect(c, (void *)&a, len) == 0);
	FAILS(connect(c, (void *)&a, len), EISCONN);
	int s = accept4(l, (void *)&back, &got, SOCK_CLOEXEC);
	CHECK(s >= 0 && fcntl(s, F_GETFD) == FD_CLOEXEC && got == sizeof(sa_family_t));
	got = sizeof back;
	CHECK(getpeername(c, (void *)&back, &got) == 0 && got == len && !strcmp(back.sun_path, "/e-sock"));
	got = sizeof n;
	CHECK(getsockopt(s, SOL_SOCKET, SO_TYPE, &n, &got) == 0 && n == SOCK_STREAM);
	CHECK(getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &n, &got) == 0 && n == 1);
	CHECK(getsockopt(l, SOL_SOCKET, SO_DOMAIN, &n, &got) == 0 && n == AF_UNIX && getsockopt(l, SOL_SOCKET, SO_ERROR, &n, &got) == 0 && n == 0);
	FAILS(getsockopt(l, SOL_SOCKET, 9999, &n, &got), ENOPROTOOPT);
	struct ucred u;
	got = sizeof u;
	CHECK(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &u, &got) == 0 && u.pid == getpid() && u.uid == 0);
	struct stat st;
	CHECK(stat("/e-sock", &st) == 0 && S_ISSOCK(st.st_mode));
	FAILS(open("/e-sock", O_RDWR), ENXIO);
	// Closing with data unread resets the peer.
	CHECK(send(c, "unread", 6, 0) == 6);
	close(s);
	char b[10];
	FAILS(recv(c, b, 10, 0), ECONNRESET);
	FAILS(send(c, "x", 1, MSG_NOSIGNAL), EPIPE);
	close(c), close(l), close(d);
	a = address("@e-abstract", &len);
	l = socket(AF_UNIX, SOCK_SEQPACKET, 0), c = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	CHECK(bind(l, (void *)&a, len) == 0 && listen(l, 5) == 0 && connect(c, (void *)&a, len) == 0 && (s = accept(l, 0, 0)) >= 0);
	close(l);
	l = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	CHECK(bind(l, (void *)&a, len) == 0); // the name was free at once
	CHECK(send(c, "packet", 6, 0) == 6 && send(c, "", 0, 0) == 0 && send(c, "z", 1, 0) == 1);
	CHECK(recv(s, b, 3, MSG_PEEK | MSG_TRUNC) == 6 && recv(s, b, 3, 0) == 3 && recv(s, b, 9, 0) == 0 && recv(s, b, 9, 0) == 1);
	close(c), close(s), close(l);
	FAILS(socket(AF_UNIX, 99, 0), EINVAL);
	FAILS(socket(AF_UNIX, SOCK_STREAM, 9), EPROTONOSUPPORT);
	FAILS(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
}

static void messages(void)
{
	int s[2], on = 1, p[2];
	char b[100], control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(2 * sizeof(int))];
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	pipe(p);
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
	struct iovec v = {"data", 4};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(2 * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(c), p, sizeof p);
	CHECK(sendmsg(s[0], &m, 0) == 4 && send(s[0], "more", 4, 0) == 4);
	struct iovec in = {b, 100};
	struct msghdr r = {.msg_iov = &in, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	CHECK(recvmsg(s[1], &r, MSG_CMSG_CLOEXEC) == 4); // descriptors end a read of a stream
	int fds = 0, creds = 0;
	for (c = CMSG_FIRSTHDR(&r); c; c = CMSG_NXTHDR(&r, c)) {
		int *f = (int *)CMSG_DATA(c);
		struct ucred *u = (struct ucred *)CMSG_DATA(c);
		if (c->cmsg_type == SCM_RIGHTS) {
			fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			CHECK(fcntl(f[0], F_GETFD) == FD_CLOEXEC && write(f[1], "!", 1) == 1 && read(p[0], b, 1) == 1);
			close(f[0]), close(f[1]);
		} else if (c->cmsg_type == SCM_CREDENTIALS)
			creds = u->pid == getpid() && u->uid == getuid();
	}
	CHECK(fds == 2 && creds == 1);
	CHECK(recv(s[1], b, 2, MSG_PEEK) == 2 && recv(s[1], b, 100, MSG_WAITALL | MSG_DONTWAIT) == 4);
	// Without room the descriptors are closed, and it says so.
	m.msg_controllen = CMSG_SPACE(2 * sizeof(int));
	c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(c), p, sizeof p);
	CHECK(sendmsg(s[1], &m, 0) == 4);
	r.msg_control = 0, r.msg_controllen = 0;
	CHECK(recvmsg(s[0], &r, 0) == 4 && r.msg_flags & MSG_CTRUNC);
	int bad[2] = {99, 98};
	memcpy(CMSG_DATA(c), bad, sizeof bad);
	FAILS(sendmsg(s[0], &m, 0), EBADF);
	m.msg_control = 0, m.msg_controllen = 0;
	CHECK(shutdown(s[0], SHUT_WR) == 0);
	FAILS(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(recv(s[1], b, 1, 0) == 0 && send(s[1], "back", 4, 0) == 4 && recv(s[0], b, 9, 0) == 4);
	FAILS(shutdown(s[0], 9), EINVAL);
	FAILS(recv(s[0], b, 9, MSG_OOB | MSG_DONTWAIT) == -1 ? -1 : 0, errno);
	int n;
	CHECK(send(s[1], "12345", 5, 0) == 5 && ioctl(s[0], FIONREAD, &n) == 0 && n == 5);
	struct timeval t = {0, 20000};
	CHECK(recv(s[0], b, 9, 0) == 5 && setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0);
	FAILS(recv(s[0], b, 9, 0), EAGAIN);
	close(s[0]), close(s[1]), close(p[0]), close(p[1]);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	struct mmsghdr mm[3] = {{.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}}};
	CHECK(sendmmsg(s[0], mm, 2, 0) == 2 && mm[1].msg_len == 4);
	struct mmsghdr rr[3] = {{.msg_hdr = {.msg_iov = &in, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &in, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &in, .msg_iovlen = 1}}};
	CHECK(recvmmsg(s[1], rr, 3, MSG_DONTWAIT, 0) == 2 && rr[0].msg_len == 4);
	for (n = 0; n < 10000 && send(s[0], b, 100, MSG_DONTWAIT) == 100; n++)
		;
	CHECK(n > 0 && n < 10000 && errno == EAGAIN);
	static char big[1 << 20]; // on the stack it might reach beyond user memory: EFAULT
	FAILS(send(s[0], big, sizeof big, MSG_DONTWAIT) == -1 ? -1 : 0, EMSGSIZE);
	close(s[0]), close(s[1]);
}

int main(void)
{
	epolls();
	chains();
	timers();
	counters();
	packets();
	addresses();
	messages();
	return failures != 0;
}
