// Sends to, or receives from, the queue /box, and makes a shared segment beside it,
// which it looks for.
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/shm.h>

int main(int argc, char **argv)
{
	char buf[8192];
	if (!strcmp(argv[1], "look"))
		return shmget(42, 0, 0) < 0 || puts("the segment is there") < 0;
	mqd_t q = mq_open("/box", O_RDWR | O_CREAT, 0640, 0);
	if (!strcmp(argv[1], "send"))
		return shmget(42, 4096, IPC_CREAT | 0600) < 0 || mq_send(q, argv[2], strlen(argv[2]), 1) != 0;
	ssize_t n = mq_receive(q, buf, sizeof buf, 0);
	return n < 0 || printf("%.*s\n", (int)n, buf) < 0;
}
