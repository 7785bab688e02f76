// Says what each try to exceed the limits that TestSysctl sets comes to.
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static long try(const char *what, long result)
{
	printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
	return result;
}

static int queue(const char *name, long messages, long size)
{
	struct mq_attr a = {.mq_maxmsg = messages, .mq_msgsize = size};
	return mq_open(name, O_RDWR | O_CREAT, 0600, messages ? &a : 0);
}

int main(void)
{
	int id = try("segment of 8192", shmget(IPC_PRIVATE, 8192, 0600));
	try("of 8193", shmget(IPC_PRIVATE, 8193, 0600));
	try("a page too many", shmget(IPC_PRIVATE, 8192, 0600));
	try("one page", shmget(IPC_PRIVATE, 4096, 0600));
	shmctl(id, IPC_RMID, 0);
	try("once more", shmget(IPC_PRIVATE, 4096, 0600));
	try("a third segment", shmget(IPC_PRIVATE, 1, 0600));
	struct shminfo s;
	shmctl(0, IPC_INFO, (struct shmid_ds *)&s);
	printf("%lu %lu %lu\n", s.shmmax, s.shmall, s.shmmni);

	struct { long kind; char text[32]; } m = {1};
	id = try("queue", msgget(IPC_PRIVATE, 0600));
	try("another", msgget(IPC_PRIVATE, 0600));
	try("message of 17", msgsnd(id, &m, 17, IPC_NOWAIT));
	try("of 16", msgsnd(id, &m, 16, IPC_NOWAIT));
	try("more", msgsnd(id, &m, 5, IPC_NOWAIT));
	struct msginfo i;
	msgctl(0, IPC_INFO, (struct msqid_ds *)&i);
	printf("%d %d %d\n", i.msgmax, i.msgmnb, i.msgmni);

	struct sembuf ops[3] = {{0, 1, 0}, {1, 1, 0}, {2, 1, 0}};
	try("set of 4", semget(IPC_PRIVATE, 4, 0600));
	id = try("of 3", semget(IPC_PRIVATE, 3, 0600));
	try("3 more", semget(IPC_PRIVATE, 3, 0600));
	try("of 1", semget(IPC_PRIVATE, 1, 0600));
	try("a third set", semget(IPC_PRIVATE, 1, 0600));
	try("2 operations", semop(id, ops, 2));
	try("3 operations", semop(id, ops, 3));

	try("3 messages", queue("/a", 3, 128));
	try("257 bytes", queue("/a", 2, 257));
	struct mq_attr a;
	mq_getattr(try("defaults", queue("/a", 0, 0)), &a);
	printf("%ld %ld\n", a.mq_maxmsg, a.mq_msgsize);
	try("all", queue("/b", 2, 256));
	try("a third queue", queue("/c", 1, 128));
}
