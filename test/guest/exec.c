// Executes itself: it is /guest, set-user-ID root, /script is "#!/guest  one two".
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define SELF "/guest"
#define EXECFN ((const char *)getauxval(AT_EXECFN))

extern char **environ;
static char *one_var[] = {"E=1", 0};

// What the program looks at when it is executed: argv[1] says what.

static void arguments(int argc, char **argv)
{
	CHECK(argc == 3 && !strcmp(argv[2], "x y"));
	CHECK(!strcmp(environ[0], "E=1") && !environ[1]);
	CHECK(!strcmp(EXECFN, SELF));
}

static void script(int argc, char **argv)
{
	CHECK(argc == 4 && !strcmp(argv[0], SELF));
	CHECK(!strcmp(argv[2], "/script") && !strcmp(argv[3], "a1"));
	CHECK(!strcmp(EXECFN, "/script"));
}

static void state(int argc, char **argv)
{
	struct sigaction a;
	sigset_t blocked;
	stack_t stack;
	char name[16];
	(void)argc, (void)argv;
	CHECK(sigaction(SIGUSR1, 0, &a) == 0 && a.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGUSR2, 0, &a) == 0 && a.sa_handler == SIG_IGN);
	CHECK(sigprocmask(SIG_BLOCK, 0, &blocked) == 0 && sigismember(&blocked, SIGHUP));
	CHECK(sigaltstack(0, &stack) == 0 && stack.ss_flags & SS_DISABLE);
	CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "guest"));
}

static void leader(int argc, char **argv)
{
	(void)argc, (void)argv;
	CHECK(getpid() == syscall(SYS_gettid));
}

static void gained(int argc, char **argv)
{
	(void)argc, (void)argv;
	CHECK(getauxval(AT_SECURE) == 1 && geteuid() == 0 && getuid() == 1000);
}

static void gained_nothing(int argc, char **argv)
{
	(void)argc, (void)argv;
	CHECK(getauxval(AT_SECURE) == 0 && geteuid() == 1000);
}

static const struct {
	const char *name;
	void (*look)(int, char **);
} looks[] = {
	{"arguments", arguments}, {"one two", script}, {"state", state},
	{"leader", leader}, {"gained", gained}, {"gained nothing", gained_nothing},
};

// run executes path in a child and returns its exit status, or 256 + errno.
static int run(const char *path, char **argv, char **envp)
{
	int status;
	volatile int failed = 0;
	pid_t p = vfork();
	if (p == 0) {
		execve(path, argv, envp);
		failed = 256 + errno;
		_exit(0);
	}
	CHECK(waitpid(p, &status, 0) == p && WIFEXITED(status));
	return failed ? failed : WEXITSTATUS(status);
}

static void errors(void)
{
	static char big[200000];
	char *args[] = {SELF, "arguments", "x y", 0}, *bad[] = {SELF, (char *)8, 0}, *huge[] = {SELF, big, 0};
	CHECK(run("/none", args, one_var) == 256 + ENOENT);
	CHECK(run("", args, one_var) == 256 + ENOENT);
	CHECK(run("/plain", args, one_var) == 256 + EACCES);
	CHECK(run("/garbage", args, one_var) == 256 + ENOEXEC);
	CHECK(run("/", args, one_var) == 256 + EACCES);
	CHECK(run(SELF "/x", args, one_var) == 256 + ENOTDIR);
	CHECK(run((char *)8, args, one_var) == 256 + EFAULT);
	CHECK(run(SELF, (char **)8, one_var) == 256 + EFAULT);
	CHECK(run(SELF, bad, one_var) == 256 + EFAULT);
	memset(big, 'a', sizeof big - 1);
	CHECK(run(SELF, huge, one_var) == 256 + E2BIG);
}

static void handler(int signo) { (void)signo; }

static void keeps_and_resets(void)
{
	char *args[] = {SELF, "state", 0};
	sigset_t hup;
	signal(SIGUSR1, handler);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	CHECK(sigprocmask(SIG_BLOCK, &hup, 0) == 0);
	CHECK(run(SELF, args, one_var) == 0);
}

static void *spin(void *arg)
{
	for (;;)
		;
	return arg;
}

static void *execute(void *arg)
{
	char *args[] = {SELF, "leader", 0};
	execve(SELF, args, environ);
	return arg;
}

// A thread that executes ends the others and becomes the leader.
static void from_thread(void)
{
	pthread_t t;
	pthread_create(&t, 0, spin, 0);
	pthread_create(&t, 0, execute, 0);
	for (;;)
		pause();
}

static void become_user(void)
{
	CHECK(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
}

static void gain(void)
{
	char *args[] = {SELF, "gained", 0};
	become_user();
	CHECK(run(SELF, args, one_var) == 0);
}

static void gain_nothing(void)
{
	char *args[] = {SELF, "gained nothing", 0};
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	become_user();
	CHECK(run(SELF, args, one_var) == 0);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof looks / sizeof *looks; i++)
		if (!strcmp(argv[1], looks[i].name)) {
			looks[i].look(argc, argv);
			return failures != 0;
		}
	char *args[] = {SELF, "arguments", "x y", 0}, *script_args[] = {"zero", "a1", 0};
	CHECK(run(SELF, args, one_var) == 0);
	CHECK(run("/script", script_args, one_var) == 0);
	errors();
	keeps_and_resets();
	CHECK(in_child(from_thread) == 0);
	CHECK(in_child(gain) == 0);
	CHECK(in_child(gain_nothing) == 0);
	return failures != 0;
}
