"""subprocess, fork, spawn, signals, pipes and what they share."""
import ctypes, errno, fcntl, mmap, os, resource, select, signal, socket, stat, struct, subprocess, sys, tempfile, threading, time, array, queue
p = print
def flush(): sys.stdout.flush()
p(subprocess.run(["sh", "-c", "cat; echo err >&2; exit 3"], input=b"in", capture_output=True))
try: subprocess.run(["sleep", "9"], timeout=0.1)
except subprocess.TimeoutExpired: p("timeout")
try: subprocess.run(["/no/such"])
except FileNotFoundError as e: p(e)
c = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, close_fds=True)
p(c.communicate(b"x" * 200000)[0] == b"x" * 200000, c.returncode)
c = subprocess.Popen(["sleep", "9"], preexec_fn=os.setsid); c.terminate(); p(c.wait())
p(subprocess.check_output("echo $A; pwd | wc -l; umask", shell=True, env={"A": "b", "PATH": os.environ["PATH"]}, umask=0o77))
p(sum(int(subprocess.run(["expr", str(i), "*", "2"], capture_output=True).stdout) for i in range(10)))
flush(); pid = os.fork()
if pid == 0: os._exit(42)
p(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
r, w = os.pipe(); pid = os.posix_spawn("/bin/sh", ["sh", "-c", "echo spawned; exit 4"], {}, file_actions=[(os.POSIX_SPAWN_DUP2, w, 1), (os.POSIX_SPAWN_CLOSE, r)], setpgroup=0, setsigdef=[signal.SIGPIPE])
os.close(w); p(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
p(os.waitid(os.P_PID, os.posix_spawn("/bin/true", ["true"], {}), os.WEXITED).si_status)
pid = os.fork()
if pid == 0: time.sleep(60)
fd = os.pidfd_open(pid); signal.pidfd_send_signal(fd, signal.SIGUSR1); i = os.waitid(os.P_PIDFD, fd, os.WEXITED); p(i.si_code == os.CLD_KILLED, i.si_status)
# Signals
got = []
signal.signal(signal.SIGUSR1, lambda s, f: got.append(s)); os.kill(os.getpid(), signal.SIGUSR1); p(got)
signal.setitimer(signal.ITIMER_REAL, 0.02); signal.signal(signal.SIGALRM, lambda s, f: got.append(s)); signal.sigwait([]) if False else time.sleep(0.1); p(got[-1])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]); signal.raise_signal(signal.SIGUSR2); p(signal.sigpending(), signal.sigwaitinfo([signal.SIGUSR2]).si_signo, signal.sigtimedwait([signal.SIGUSR2], 0.01))
r, w = os.pipe(); os.set_blocking(w, False); signal.set_wakeup_fd(w); signal.raise_signal(signal.SIGUSR1); p(os.read(r, 9)); signal.set_wakeup_fd(-1)
t = threading.Thread(target=lambda: time.sleep(0.2)); t.start(); signal.pthread_kill(t.ident, 0); t.join()
signal.signal(signal.SIGPROF, lambda s, f: got.append("prof")); signal.setitimer(signal.ITIMER_PROF, 0.02)
end = time.monotonic() + 10
while got[-1] != "prof" and time.monotonic() < end: pass
p(got[-1])
# Descriptors passed over a socket pair
a, b = socket.socketpair(); f = tempfile.TemporaryFile(); f.write(b"passed"); f.flush()
socket.send_fds(a, [b"fd"], [f.fileno(), r]); m, fds, fl, ad = socket.recv_fds(b, 10, 5); os.lseek(fds[0], 0, 0); p(m, len(fds), os.read(fds[0], 9))
p(struct.unpack("3i", a.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:] == (os.getuid(), os.getgid()))
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET); a.send(b"one"); a.send(b"two"); p(b.recv(2), b.recv(9)); a.close(); p(b.recv(1))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("\0abstract-name"); a = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); a.sendto(b"to you", "\0abstract-name"); p(s.recvfrom(99)[0])
# Waiting
r, w = os.pipe(); p(select.select([r], [w], [], 0)[1] == [w]); os.write(w, b"x"); p(select.select([r], [], [], 5)[0] == [r])
e = select.epoll(); e.register(r, select.EPOLLIN | select.EPOLLET); p(e.poll(1)[0][1], e.poll(0)); o = select.poll(); o.register(r, select.POLLIN); p(o.poll(100)[0][1]); os.close(w); os.read(r, 1); p(o.poll(0)[0][1], e.poll(0)[0][1])
ev = os.eventfd(3, os.EFD_NONBLOCK); os.eventfd_write(ev, 4); p(os.eventfd_read(ev))
try: os.eventfd_read(ev)
except BlockingIOError as x: p(errno.errorcode[x.errno])
# Memory
m = mmap.mmap(-1, 8192); pid = os.fork()
if pid == 0: m[0:5] = b"child"; os._exit(0)
os.waitpid(pid, 0); p(m[:5]); f = open("map", "w+b"); f.truncate(10000); m = mmap.mmap(f.fileno(), 0); m[9000:9004] = b"file"; m.flush(); p(os.pread(f.fileno(), 4, 9000)); m.resize(20000); p(len(m), os.path.getsize("map")); m.close()
m = mmap.mmap(f.fileno(), 4096, access=mmap.ACCESS_COPY, offset=4096); m[0] = 65; p(os.pread(f.fileno(), 1, 4096)); m.madvise(mmap.MADV_DONTNEED); p(m[0])
libc = ctypes.CDLL(None, use_errno=True); p(libc.getpid() == os.getpid(), libc.open(b"/none", 0), ctypes.get_errno()); q = (ctypes.c_int * 5)(5, 3, 1, 4, 2)
F = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int)); libc.qsort(q, 5, 4, F(lambda x, y: x[0] - y[0])); p(list(q))
# Files
with tempfile.TemporaryDirectory() as d:
    n = os.path.join(d, "f"); open(n, "w").write("0123456789"); st = os.stat(n); p(stat.filemode(st.st_mode), st.st_size, st.st_nlink)
    fd = os.open(n, os.O_RDWR); fcntl.lockf(fd, fcntl.LOCK_EX, 5); pid = os.fork()
    if pid == 0:
        fd = os.open(n, os.O_RDWR)
        try: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
        except OSError as x: os._exit(x.errno)
        os._exit(0)
    p(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])); out = os.open(d + "/g", os.O_RDWR | os.O_CREAT); p(os.sendfile(out, fd, 2, 5), os.copy_file_range(fd, out, 3, 0, 5), os.pread(out, 99, 0)); os.posix_fallocate(out, 0, 100); p(os.fstat(out).st_size)
    os.setxattr(n, "user.a", b"1"); p(os.listxattr(n), os.getxattr(n, "user.a")); p(os.preadv(fd, [bytearray(3), b := bytearray(3)], 1), b); p(sorted(os.listdir(d)), [x.name for x in os.scandir(d) if x.is_dir()]); os.utime(n, ns=(1, 2_000_000_003)); p(os.stat(n).st_mtime_ns); os.mkfifo(d + "/p"); p(stat.S_ISFIFO(os.stat(d + "/p").st_mode)); p(os.path.samefile("/proc/self/fd/%d" % fd, n)); fd2 = os.memfd_create("m"); os.write(fd2, b"mem"); p(os.readlink("/proc/self/fd/%d" % fd2))
p(os.path.exists(d), resource.getrlimit(resource.RLIMIT_CORE)[0] >= 0, os.sched_getaffinity(0) == set(range(os.cpu_count())), os.nice(0) == os.getpriority(os.PRIO_PROCESS, 0), os.getpgid(0) > 0, len(os.urandom(5)), os.uname().sysname, os.ttyname if False else os.isatty(0), os.get_terminal_size if False else "")
p(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime >= 0, time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID) > 0, time.get_clock_info("monotonic").resolution)
sys.exit(9)
