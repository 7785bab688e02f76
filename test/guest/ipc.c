#define _GNU_SOURCE
#include "check.h"

#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static void shared_memory(void)
{
	struct shmid_ds d;
	int status, id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);
	CHECK(id >= 0);
	int *a = shmat(id, 0, 0), *b = shmat(id, 0, SHM_RDONLY);
	CHECK(a != (void *)-1 && b != (void *)-1 && a != b);
	a[100] = 42;
	CHECK(b[100] == 42);
	CHECK(shmctl(id, IPC_STAT, &d) == 0 && d.shm_nattch == 2 && d.shm_segsz == 10000);
	CHECK(shmctl(id, IPC_RMID, 0) == 0);
	pid_t p = fork();
	if (p == 0) {
		a[101] = 43;
		CHECK(shmctl(id, IPC_STAT, &d) == 0 && d.shm_nattch == 4 && d.shm_perm.mode & SHM_DEST);
		_exit(failures != 0);
	}
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	CHECK(b[101] == 43);
	CHECK(shmdt(a) == 0 && shmdt(b) == 0);
	FAILS(shmdt(b), EINVAL);
	// The child's mappings may go a little later than the child.
	for (int i = 0; i < 1000 && shmctl(id, IPC_STAT, &d) == 0; i++)
		usleep(1000);
	FAILS(shmctl(id, IPC_STAT, &d), EINVAL);
	FAILS(shmget(IPC_PRIVATE, 0, IPC_CREAT), EINVAL);
	FAILS(shmget(0x1234, 100, 0), ENOENT);
	id = shmget(0x1234, 100, IPC_CREAT | IPC_EXCL | 0600);
	CHECK(id >= 0 && shmget(0x1234, 50, 0) == id);
	FAILS(shmget(0x1234, 100, IPC_CREAT | IPC_EXCL), EEXIST);
	FAILS(shmget(0x1234, 200, 0), EINVAL);
	CHECK(shmctl(id, IPC_RMID, 0) == 0);
}

static int change(int id, int num, int by, int flags)
{
	struct sembuf op = {num, by, flags};
	return semop(id, &op, 1);
}

static void semaphores(void)
{
	int status, id = semget(IPC_PRIVATE, 2, 0600);
	struct sembuf both[2] = {{0, 1, 0}, {1, -1, IPC_NOWAIT}};
	struct timespec soon = {0, 1000000};
	CHECK(id >= 0);
	FAILS(semop(id, both, 2), EAGAIN);
	CHECK(semctl(id, 0, GETVAL) == 0); // all or nothing
	CHECK(semctl(id, 1, SETVAL, 1) == 0 && semop(id, both, 2) == 0);
	CHECK(semctl(id, 0, GETVAL) == 1 && semctl(id, 1, GETVAL) == 0);
	FAILS(semtimedop(id, &(struct sembuf){1, -1, 0}, 1, &soon), EAGAIN);
	FAILS(change(id, 2, 1, 0), EFBIG);
	FAILS(semctl(id, 0, SETVAL, 40000), ERANGE);
	pid_t p = fork();
	if (p == 0) {
		CHECK(change(id, 1, -1, 0) == 0); // waits for the parent
		CHECK(change(id, 0, 5, SEM_UNDO) == 0);
		_exit(failures != 0);
	}
	while (semctl(id, 1, GETNCNT) != 1)
		usleep(1000);
	CHECK(change(id, 1, 1, 0) == 0);
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	CHECK(semctl(id, 0, GETVAL) == 1); // the undo
	CHECK(semctl(id, 0, GETPID) == p);
	// A value that is set has nothing left to take back.
	p = fork();
	if (p == 0) {
		CHECK(change(id, 0, 1, SEM_UNDO) == 0 && semctl(id, 0, SETVAL, 5) == 0);
		_exit(failures != 0);
	}
	CHECK(waitpid(p, &status, 0) == p && status == 0 && semctl(id, 0, GETVAL) == 5);
	p = fork();
	if (p == 0) {
		FAILS(change(id, 1, -1, 0), EIDRM);
		_exit(failures != 0);
	}
	while (semctl(id, 1, GETNCNT) != 1)
		usleep(1000);
	CHECK(semctl(id, 0, IPC_RMID) == 0);
	CHECK(waitpid(p, &status, 0) == p && status == 0);
}

struct message {
	long kind;
	char text[16];
};

static void queues(void)
{
	struct message m = {2, "two"}, got;
	int status, id = msgget(IPC_PRIVATE, 0600);
	CHECK(id >= 0);
	FAILS(msgrcv(id, &got, 16, 0, IPC_NOWAIT), ENOMSG);
	CHECK(msgsnd(id, &m, 4, 0) == 0);
	m = (struct message){1, "one"};
	CHECK(msgsnd(id, &m, 4, 0) == 0);
	FAILS(msgrcv(id, &got, 2, 1, 0), E2BIG);
	CHECK(msgrcv(id, &got, 16, -2, 0) == 4 && got.kind == 1 && !strcmp(got.text, "one"));
	CHECK(msgrcv(id, &got, 2, 0, MSG_NOERROR) == 2 && got.kind == 2);
	m.kind = 0;
	FAILS(msgsnd(id, &m, 4, 0), EINVAL);
	pid_t p = fork();
	if (p == 0) {
		CHECK(msgrcv(id, &got, 16, 0, 0) == 4 && got.kind == 7);
		_exit(failures != 0);
	}
	usleep(10000);
	m.kind = 7;
	CHECK(msgsnd(id, &m, 4, 0) == 0);
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	CHECK(msgctl(id, IPC_RMID, 0) == 0);
	FAILS(msgsnd(id, &m, 4, 0), EINVAL);
}

int main(void)
{
	shared_memory();
	semaphores();
	queues();
	return failures != 0;
}
