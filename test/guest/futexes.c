// futex(2) by itself: every operation, between threads and processes; robust
// lists.
#define _GNU_SOURCE
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static long futex(void *a, int op, uint32_t v, long v2, void *b, uint32_t v3)
{
	return syscall(SYS_futex, a, op, v, v2, b, v3);
}

// Words that a child shares.
static struct { _Atomic uint32_t a, b, woken, ready; } *s;

struct waiter { void *word; int op; uint32_t value, bits; long result; pthread_t t; };

static void *sleeper(void *arg)
{
	struct waiter *w = arg;
	s->ready++;
	w->result = futex(w->word, w->op, w->value, 0, 0, w->bits);
	s->woken++;
	return 0;
}

static void begin(struct waiter *w, int n)
{
	s->ready = s->woken = 0;
	for (int i = 0; i < n; i++)
		CHECK(pthread_create(&w[i].t, 0, sleeper, &w[i]) == 0);
	while (s->ready < n)
		usleep(100);
	usleep(20000); // that they sleep shows in what wakes them
}

static void end(struct waiter *w, int n)
{
	for (int i = 0; i < n; i++) {
		pthread_join(w[i].t, 0);
		CHECK(w[i].result == 0);
	}
}

static void wakes(int private)
{
	struct waiter w[5];
	for (int i = 0; i < 5; i++)
		w[i] = (struct waiter){&s->a, FUTEX_WAIT | private};
	s->a = 0;
	begin(w, 5);
	CHECK(futex(&s->a, FUTEX_WAKE | private, 2, 0, 0, 0) == 2);
	CHECK(futex(&s->b, FUTEX_WAKE | private, 9, 0, 0, 0) == 0);
	CHECK(futex(&s->a, FUTEX_WAKE | private, 99, 0, 0, 0) == 3);
	CHECK(futex(&s->a, FUTEX_WAKE | private, 99, 0, 0, 0) == 0);
	end(w, 5);
}

static void bits(void)
{
	struct waiter w[3];
	for (int i = 0; i < 3; i++)
		w[i] = (struct waiter){&s->a, FUTEX_WAIT_BITSET, 0, 1u << i};
	begin(w, 3);
	CHECK(futex(&s->a, FUTEX_WAKE_BITSET, 9, 0, 0, 8) == 0);
	CHECK(futex(&s->a, FUTEX_WAKE_BITSET, 9, 0, 0, 5) == 2);
	CHECK(futex(&s->a, FUTEX_WAKE, 9, 0, 0, 0) == 1);
	end(w, 3);
	FAILS(futex(&s->a, FUTEX_WAIT_BITSET, 0, 0, 0, 0), EINVAL);
	FAILS(futex(&s->a, FUTEX_WAKE_BITSET, 1, 0, 0, 0), EINVAL);
	struct timespec past = {1, 0};
	FAILS(futex(&s->a, FUTEX_WAIT_BITSET, 0, (long)&past, 0, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
	FAILS(futex(&s->a, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, (long)&past, 0, 1), ETIMEDOUT);
	FAILS(futex(&s->a, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, 0, 0, 0), ENOSYS);
}

static void requeues(void)
{
	struct waiter w[4];
	for (int i = 0; i < 4; i++)
		w[i] = (struct waiter){&s->a, FUTEX_WAIT};
	s->a = 0;
	begin(w, 4);
	FAILS(futex(&s->a, FUTEX_CMP_REQUEUE, 1, 9, &s->b, 7), EAGAIN);
	CHECK(futex(&s->a, FUTEX_CMP_REQUEUE, 1, 2, &s->b, 0) == 3);
	CHECK(futex(&s->b, FUTEX_WAKE, 1, 0, 0, 0) == 1);
	CHECK(futex(&s->a, FUTEX_REQUEUE, 0, 9, &s->b, 0) == 1);
	CHECK(futex(&s->a, FUTEX_WAKE, 9, 0, 0, 0) == 0);
	CHECK(futex(&s->b, FUTEX_WAKE, 9, 0, 0, 0) == 2);
	end(w, 4);
	FAILS(futex(&s->a, FUTEX_REQUEUE, -1, 1, &s->b, 0), EINVAL);
}

static void wake_operations(void)
{
	static const struct { int op, arg, cmp, cmparg; uint32_t before, after; int second; } table[] = {
		{FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 1, 1, 5, 1}, {FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 2, 1, 4, 0},
		{FUTEX_OP_OR, 6, FUTEX_OP_CMP_NE, 9, 1, 7, 1}, {FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_LT, 9, 3, 2, 1},
		{FUTEX_OP_XOR, 3, FUTEX_OP_CMP_GE, 1, 1, 2, 1}, {FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_GT, 1, 1, 16, 0},
		{FUTEX_OP_ADD, 0xfff, FUTEX_OP_CMP_LE, 1, 1, 0, 1},
	};
	for (int i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct waiter w[2] = {{&s->a, FUTEX_WAIT, 0}, {&s->b, FUTEX_WAIT, table[i].before}};
		s->a = 0, s->b = table[i].before;
		begin(w, 2);
		uint32_t op = FUTEX_OP(table[i].op, table[i].arg, table[i].cmp, table[i].cmparg);
		CHECK(futex(&s->a, FUTEX_WAKE_OP, 1, 1, &s->b, op) == 1 + table[i].second);
		CHECK(s->b == table[i].after);
		if (!table[i].second)
			CHECK(futex(&s->b, FUTEX_WAKE, 1, 0, 0, 0) == 1);
		end(w, 2);
	}
	FAILS(futex(&s->a, FUTEX_WAKE_OP, 1, 1, &s->b, FUTEX_OP(7, 0, 0, 0)), ENOSYS);
	FAILS(futex(&s->a, FUTEX_WAKE_OP, 1, 1, (void *)16, FUTEX_OP(0, 0, 0, 0)), EFAULT);
}

static void between_processes(void)
{
	s->a = 0, s->ready = 0;
	pid_t p = fork();
	if (p == 0) {
		s->ready = 1;
		_exit(futex(&s->a, FUTEX_WAIT, 0, 0, 0, 0) != 0);
	}
	while (!s->ready)
		usleep(100);
	long n = 0;
	for (int i = 0; i < 5000 && n == 0; i++, usleep(1000))
		n = futex(&s->a, FUTEX_WAKE, 1, 0, 0, 0);
	int status;
	CHECK(n == 1 && waitpid(p, &status, 0) == p && status == 0);
	// Private keys are of one address space.
	s->ready = 0;
	if ((p = fork()) == 0) {
		struct timespec t = {0, 50000000};
		s->ready = 1;
		_exit(futex(&s->a, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, (long)&t, 0, 0) != -1 || errno != ETIMEDOUT);
	}
	while (!s->ready)
		usleep(100);
	usleep(10000);
	CHECK(futex(&s->a, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0) == 0);
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	// The end of a thread clears and wakes its id.
	FAILS(futex((void *)1, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0), EINVAL);
}

// Words that a dying thread's robust list names.
struct node { struct robust_list list; uint32_t word; };

static void *dies(void *arg)
{
	struct node *n = arg;
	static struct robust_list_head head;
	head.futex_offset = offsetof(struct node, word);
	head.list.next = &n[0].list;
	n[0].list.next = &n[1].list;
	n[1].list.next = &head.list;
	head.list_op_pending = &n[2].list;
	n[0].word = n[2].word = gettid();
	n[1].word = gettid() ^ 1; // somebody else's
	CHECK(syscall(SYS_set_robust_list, &head, sizeof head) == 0);
	syscall(SYS_exit, 0);
	return 0;
}

static void robust_lists(void)
{
	struct node n[3] = {};
	struct robust_list_head *h;
	size_t len;
	CHECK(syscall(SYS_get_robust_list, 0, &h, &len) == 0 && len == sizeof *h);
	FAILS(syscall(SYS_set_robust_list, 0, 3), EINVAL);
	FAILS(syscall(SYS_get_robust_list, 1 << 22, &h, &len), ESRCH);
	pthread_t t;
	pthread_create(&t, 0, dies, n);
	pthread_join(t, 0);
	for (int i = 0; i < 5000 && !(n[2].word & FUTEX_OWNER_DIED); i++)
		usleep(1000);
	CHECK((n[0].word & (FUTEX_OWNER_DIED | FUTEX_TID_MASK)) == FUTEX_OWNER_DIED);
	CHECK((n[2].word & (FUTEX_OWNER_DIED | FUTEX_TID_MASK)) == FUTEX_OWNER_DIED);
	CHECK(!(n[1].word & FUTEX_OWNER_DIED));
	// A shared robust mutex whose owner is killed.
	pthread_mutex_t *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, 1);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(m, &a);
	pid_t p = fork();
	if (p == 0) {
		pthread_mutex_lock(m);
		kill(getpid(), SIGKILL);
	}
	CHECK(waitpid(p, 0, 0) == p && pthread_mutex_lock(m) == EOWNERDEAD);
}

static void vectors(void)
{
	struct { uint64_t val, uaddr; uint32_t flags, reserved; } v[2] = {{0, (uint64_t)&s->a, 2}, {1, (uint64_t)&s->b, 2}};
	struct timespec past = {1, 0};
	s->a = s->b = 0;
	long r = syscall(449, v, 2, 0, &past, CLOCK_MONOTONIC); // futex_waitv
	CHECK(r == -1 && (errno == EAGAIN || errno == ENOSYS));
}

int main(void)
{
	s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	wakes(0);
	wakes(FUTEX_PRIVATE_FLAG);
	bits();
	requeues();
	wake_operations();
	between_processes();
	robust_lists();
	vectors();
	return failures != 0;
}
