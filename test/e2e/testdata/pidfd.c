// pidfd send: hands a pidfd of itself to who listens, and waits. pidfd receive: says
// what signalling by it gives.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un name = {AF_UNIX, "\0pidfd"};
static const socklen_t size = sizeof(sa_family_t) + 6;

int main(int argc, char **argv)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec io = {&byte, 1};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	if (strcmp(argv[1], "send") == 0) {
		while (connect(s, (void *)&name, size) != 0)
			usleep(10000);
		fd = syscall(SYS_pidfd_open, getpid(), 0);
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(h), &fd, sizeof fd);
		sendmsg(s, &m, 0);
		sleep(1000);
	}
	bind(s, (void *)&name, size);
	listen(s, 1);
	s = accept(s, 0, 0);
	recvmsg(s, &m, 0);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	long r = syscall(SYS_pidfd_send_signal, fd, 9, 0, 0);
	printf("%s\n", r == 0 ? "killed" : strerror(errno));
	return 0;
}
