// Package sysno names the system call numbers, per architecture.
package sysno

// Call numbers of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl).
const (
	Read                  = 0
	Write                 = 1
	Open                  = 2
	Close                 = 3
	Stat                  = 4
	Fstat                 = 5
	Lstat                 = 6
	Poll                  = 7
	Lseek                 = 8
	Mmap                  = 9
	Mprotect              = 10
	Munmap                = 11
	Brk                   = 12
	RtSigaction           = 13
	RtSigprocmask         = 14
	RtSigreturn           = 15
	Ioctl                 = 16
	Pread64               = 17
	Pwrite64              = 18
	Readv                 = 19
	Writev                = 20
	Access                = 21
	Pipe                  = 22
	Select                = 23
	SchedYield            = 24
	Mremap                = 25
	Msync                 = 26
	Mincore               = 27
	Madvise               = 28
	Shmget                = 29
	Shmat                 = 30
	Shmctl                = 31
	Dup                   = 32
	Dup2                  = 33
	Pause                 = 34
	Nanosleep             = 35
	Getitimer             = 36
	Alarm                 = 37
	Setitimer             = 38
	Getpid                = 39
	Sendfile              = 40
	Socket                = 41
	Connect               = 42
	Accept                = 43
	Sendto                = 44
	Recvfrom              = 45
	Sendmsg               = 46
	Recvmsg               = 47
	Shutdown              = 48
	Bind                  = 49
	Listen                = 50
	Getsockname           = 51
	Getpeername           = 52
	Socketpair            = 53
	Setsockopt            = 54
	Getsockopt            = 55
	Clone                 = 56
	Fork                  = 57
	Vfork                 = 58
	Execve                = 59
	Exit                  = 60
	Wait4                 = 61
	Kill                  = 62
	Uname                 = 63
	Semget                = 64
	Semop                 = 65
	Semctl                = 66
	Shmdt                 = 67
	Msgget                = 68
	Msgsnd                = 69
	Msgrcv                = 70
	Msgctl                = 71
	Fcntl                 = 72
	Flock                 = 73
	Fsync                 = 74
	Fdatasync             = 75
	Truncate              = 76
	Ftruncate             = 77
	Getdents              = 78
	Getcwd                = 79
	Chdir                 = 80
	Fchdir                = 81
	Rename                = 82
	Mkdir                 = 83
	Rmdir                 = 84
	Creat                 = 85
	Link                  = 86
	Unlink                = 87
	Symlink               = 88
	Readlink              = 89
	Chmod                 = 90
	Fchmod                = 91
	Chown                 = 92
	Fchown                = 93
	Lchown                = 94
	Umask                 = 95
	Gettimeofday          = 96
	Getrlimit             = 97
	Getrusage             = 98
	Sysinfo               = 99
	Times                 = 100
	Ptrace                = 101
	Getuid                = 102
	Syslog                = 103
	Getgid                = 104
	Setuid                = 105
	Setgid                = 106
	Geteuid               = 107
	Getegid               = 108
	Setpgid               = 109
	Getppid               = 110
	Getpgrp               = 111
	Setsid                = 112
	Setreuid              = 113
	Setregid              = 114
	Getgroups             = 115
	Setgroups             = 116
	Setresuid             = 117
	Getresuid             = 118
	Setresgid             = 119
	Getresgid             = 120
	Getpgid               = 121
	Setfsuid              = 122
	Setfsgid              = 123
	Getsid                = 124
	Capget                = 125
	Capset                = 126
	RtSigpending          = 127
	RtSigtimedwait        = 128
	RtSigqueueinfo        = 129
	RtSigsuspend          = 130
	Sigaltstack           = 131
	Utime                 = 132
	Mknod                 = 133
	Uselib                = 134
	Personality           = 135
	Ustat                 = 136
	Statfs                = 137
	Fstatfs               = 138
	Sysfs                 = 139
	Getpriority           = 140
	Setpriority           = 141
	SchedSetparam         = 142
	SchedGetparam         = 143
	SchedSetscheduler     = 144
	SchedGetscheduler     = 145
	SchedGetPriorityMax   = 146
	SchedGetPriorityMin   = 147
	SchedRrGetInterval    = 148
	Mlock                 = 149
	Munlock               = 150
	Mlockall              = 151
	Munlockall            = 152
	Vhangup               = 153
	ModifyLdt             = 154
	PivotRoot             = 155
	Sysctl                = 156
	Prctl                 = 157
	ArchPrctl             = 158
	Adjtimex              = 159
	Setrlimit             = 160
	Chroot                = 161
	Sync                  = 162
	Acct                  = 163
	Settimeofday          = 164
	Mount                 = 165
	Umount2               = 166
	Swapon                = 167
	Swapoff               = 168
	Reboot                = 169
	Sethostname           = 170
	Setdomainname         = 171
	Iopl                  = 172
	Ioperm                = 173
	CreateModule          = 174
	InitModule            = 175
	DeleteModule          = 176
	GetKernelSyms         = 177
	QueryModule           = 178
	Quotactl              = 179
	Nfsservctl            = 180
	Getpmsg               = 181
	Putpmsg               = 182
	AfsSyscall            = 183
	Tuxcall               = 184
	Security              = 185
	Gettid                = 186
	Readahead             = 187
	Setxattr              = 188
	Lsetxattr             = 189
	Fsetxattr             = 190
	Getxattr              = 191
	Lgetxattr             = 192
	Fgetxattr             = 193
	Listxattr             = 194
	Llistxattr            = 195
	Flistxattr            = 196
	Removexattr           = 197
	Lremovexattr          = 198
	Fremovexattr          = 199
	Tkill                 = 200
	Time                  = 201
	Futex                 = 202
	SchedSetaffinity      = 203
	SchedGetaffinity      = 204
	SetThreadArea         = 205
	IoSetup               = 206
	IoDestroy             = 207
	IoGetevents           = 208
	IoSubmit              = 209
	IoCancel              = 210
	GetThreadArea         = 211
	LookupDcookie         = 212
	EpollCreate           = 213
	EpollCtlOld           = 214
	EpollWaitOld          = 215
	RemapFilePages        = 216
	Getdents64            = 217
	SetTidAddress         = 218
	RestartSyscall        = 219
	Semtimedop            = 220
	Fadvise64             = 221
	TimerCreate           = 222
	TimerSettime          = 223
	TimerGettime          = 224
	TimerGetoverrun       = 225
	TimerDelete           = 226
	ClockSettime          = 227
	ClockGettime          = 228
	ClockGetres           = 229
	ClockNanosleep        = 230
	ExitGroup             = 231
	EpollWait             = 232
	EpollCtl              = 233
	Tgkill                = 234
	Utimes                = 235
	Vserver               = 236
	Mbind                 = 237
	SetMempolicy          = 238
	GetMempolicy          = 239
	MqOpen                = 240
	MqUnlink              = 241
	MqTimedsend           = 242
	MqTimedreceive        = 243
	MqNotify              = 244
	MqGetsetattr          = 245
	KexecLoad             = 246
	Waitid                = 247
	AddKey                = 248
	RequestKey            = 249
	Keyctl                = 250
	IoprioSet             = 251
	IoprioGet             = 252
	InotifyInit           = 253
	InotifyAddWatch       = 254
	InotifyRmWatch        = 255
	MigratePages          = 256
	Openat                = 257
	Mkdirat               = 258
	Mknodat               = 259
	Fchownat              = 260
	Futimesat             = 261
	Newfstatat            = 262
	Unlinkat              = 263
	Renameat              = 264
	Linkat                = 265
	Symlinkat             = 266
	Readlinkat            = 267
	Fchmodat              = 268
	Faccessat             = 269
	Pselect6              = 270
	Ppoll                 = 271
	Unshare               = 272
	SetRobustList         = 273
	GetRobustList         = 274
	Splice                = 275
	Tee                   = 276
	SyncFileRange         = 277
	Vmsplice              = 278
	MovePages             = 279
	Utimensat             = 280
	EpollPwait            = 281
	Signalfd              = 282
	TimerfdCreate         = 283
	Eventfd               = 284
	Fallocate             = 285
	TimerfdSettime        = 286
	TimerfdGettime        = 287
	Accept4               = 288
	Signalfd4             = 289
	Eventfd2              = 290
	EpollCreate1          = 291
	Dup3                  = 292
	Pipe2                 = 293
	InotifyInit1          = 294
	Preadv                = 295
	Pwritev               = 296
	RtTgsigqueueinfo      = 297
	PerfEventOpen         = 298
	Recvmmsg              = 299
	FanotifyInit          = 300
	FanotifyMark          = 301
	Prlimit64             = 302
	NameToHandleAt        = 303
	OpenByHandleAt        = 304
	ClockAdjtime          = 305
	Syncfs                = 306
	Sendmmsg              = 307
	Setns                 = 308
	Getcpu                = 309
	ProcessVmReadv        = 310
	ProcessVmWritev       = 311
	Kcmp                  = 312
	FinitModule           = 313
	SchedSetattr          = 314
	SchedGetattr          = 315
	Renameat2             = 316
	Seccomp               = 317
	Getrandom             = 318
	MemfdCreate           = 319
	KexecFileLoad         = 320
	Bpf                   = 321
	Execveat              = 322
	Userfaultfd           = 323
	Membarrier            = 324
	Mlock2                = 325
	CopyFileRange         = 326
	Preadv2               = 327
	Pwritev2              = 328
	PkeyMprotect          = 329
	PkeyAlloc             = 330
	PkeyFree              = 331
	Statx                 = 332
	IoPgetevents          = 333
	Rseq                  = 334
	PidfdSendSignal       = 424
	IoUringSetup          = 425
	IoUringEnter          = 426
	IoUringRegister       = 427
	OpenTree              = 428
	MoveMount             = 429
	Fsopen                = 430
	Fsconfig              = 431
	Fsmount               = 432
	Fspick                = 433
	PidfdOpen             = 434
	Clone3                = 435
	CloseRange            = 436
	Openat2               = 437
	PidfdGetfd            = 438
	Faccessat2            = 439
	ProcessMadvise        = 440
	EpollPwait2           = 441
	MountSetattr          = 442
	QuotactlFd            = 443
	LandlockCreateRuleset = 444
	LandlockAddRule       = 445
	LandlockRestrictSelf  = 446
	MemfdSecret           = 447
	ProcessMrelease       = 448
	FutexWaitv            = 449
	SetMempolicyHomeNode  = 450
	Cachestat             = 451
	Fchmodat2             = 452
	MapShadowStack        = 453
	FutexWake             = 454
	FutexWait             = 455
	FutexRequeue          = 456
	Statmount             = 457
	Listmount             = 458
	LsmGetSelfAttr        = 459
	LsmSetSelfAttr        = 460
	LsmListModules        = 461
	Mseal                 = 462
	Setxattrat            = 463
	Getxattrat            = 464
	Listxattrat           = 465
	Removexattrat         = 466
	OpenTreeAttr          = 467

	Max = 468 // one past the highest
)

// Names are the calls by number, as in syscalls(2).
var Names = [Max]string{
	Read:                  "read",
	Write:                 "write",
	Open:                  "open",
	Close:                 "close",
	Stat:                  "stat",
	Fstat:                 "fstat",
	Lstat:                 "lstat",
	Poll:                  "poll",
	Lseek:                 "lseek",
	Mmap:                  "mmap",
	Mprotect:              "mprotect",
	Munmap:                "munmap",
	Brk:                   "brk",
	RtSigaction:           "rt_sigaction",
	RtSigprocmask:         "rt_sigprocmask",
	RtSigreturn:           "rt_sigreturn",
	Ioctl:                 "ioctl",
	Pread64:               "pread64",
	Pwrite64:              "pwrite64",
	Readv:                 "readv",
	Writev:                "writev",
	Access:                "access",
	Pipe:                  "pipe",
	Select:                "select",
	SchedYield:            "sched_yield",
	Mremap:                "mremap",
	Msync:                 "msync",
	Mincore:               "mincore",
	Madvise:               "madvise",
	Shmget:                "shmget",
	Shmat:                 "shmat",
	Shmctl:                "shmctl",
	Dup:                   "dup",
	Dup2:                  "dup2",
	Pause:                 "pause",
	Nanosleep:             "nanosleep",
	Getitimer:             "getitimer",
	Alarm:                 "alarm",
	Setitimer:             "setitimer",
	Getpid:                "getpid",
	Sendfile:              "sendfile",
	Socket:                "socket",
	Connect:               "connect",
	Accept:                "accept",
	Sendto:                "sendto",
	Recvfrom:              "recvfrom",
	Sendmsg:               "sendmsg",
	Recvmsg:               "recvmsg",
	Shutdown:              "shutdown",
	Bind:                  "bind",
	Listen:                "listen",
	Getsockname:           "getsockname",
	Getpeername:           "getpeername",
	Socketpair:            "socketpair",
	Setsockopt:            "setsockopt",
	Getsockopt:            "getsockopt",
	Clone:                 "clone",
	Fork:                  "fork",
	Vfork:                 "vfork",
	Execve:                "execve",
	Exit:                  "exit",
	Wait4:                 "wait4",
	Kill:                  "kill",
	Uname:                 "uname",
	Semget:                "semget",
	Semop:                 "semop",
	Semctl:                "semctl",
	Shmdt:                 "shmdt",
	Msgget:                "msgget",
	Msgsnd:                "msgsnd",
	Msgrcv:                "msgrcv",
	Msgctl:                "msgctl",
	Fcntl:                 "fcntl",
	Flock:                 "flock",
	Fsync:                 "fsync",
	Fdatasync:             "fdatasync",
	Truncate:              "truncate",
	Ftruncate:             "ftruncate",
	Getdents:              "getdents",
	Getcwd:                "getcwd",
	Chdir:                 "chdir",
	Fchdir:                "fchdir",
	Rename:                "rename",
	Mkdir:                 "mkdir",
	Rmdir:                 "rmdir",
	Creat:                 "creat",
	Link:                  "link",
	Unlink:                "unlink",
	Symlink:               "symlink",
	Readlink:              "readlink",
	Chmod:                 "chmod",
	Fchmod:                "fchmod",
	Chown:                 "chown",
	Fchown:                "fchown",
	Lchown:                "lchown",
	Umask:                 "umask",
	Gettimeofday:          "gettimeofday",
	Getrlimit:             "getrlimit",
	Getrusage:             "getrusage",
	Sysinfo:               "sysinfo",
	Times:                 "times",
	Ptrace:                "ptrace",
	Getuid:                "getuid",
	Syslog:                "syslog",
	Getgid:                "getgid",
	Setuid:                "setuid",
	Setgid:                "setgid",
	Geteuid:               "geteuid",
	Getegid:               "getegid",
	Setpgid:               "setpgid",
	Getppid:               "getppid",
	Getpgrp:               "getpgrp",
	Setsid:                "setsid",
	Setreuid:              "setreuid",
	Setregid:              "setregid",
	Getgroups:             "getgroups",
	Setgroups:             "setgroups",
	Setresuid:             "setresuid",
	Getresuid:             "getresuid",
	Setresgid:             "setresgid",
	Getresgid:             "getresgid",
	Getpgid:               "getpgid",
	Setfsuid:              "setfsuid",
	Setfsgid:              "setfsgid",
	Getsid:                "getsid",
	Capget:                "capget",
	Capset:                "capset",
	RtSigpending:          "rt_sigpending",
	RtSigtimedwait:        "rt_sigtimedwait",
	RtSigqueueinfo:        "rt_sigqueueinfo",
	RtSigsuspend:          "rt_sigsuspend",
	Sigaltstack:           "sigaltstack",
	Utime:                 "utime",
	Mknod:                 "mknod",
	Uselib:                "uselib",
	Personality:           "personality",
	Ustat:                 "ustat",
	Statfs:                "statfs",
	Fstatfs:               "fstatfs",
	Sysfs:                 "sysfs",
	Getpriority:           "getpriority",
	Setpriority:           "setpriority",
	SchedSetparam:         "sched_setparam",
	SchedGetparam:         "sched_getparam",
	SchedSetscheduler:     "sched_setscheduler",
	SchedGetscheduler:     "sched_getscheduler",
	SchedGetPriorityMax:   "sched_get_priority_max",
	SchedGetPriorityMin:   "sched_get_priority_min",
	SchedRrGetInterval:    "sched_rr_get_interval",
	Mlock:                 "mlock",
	Munlock:               "munlock",
	Mlockall:              "mlockall",
	Munlockall:            "munlockall",
	Vhangup:               "vhangup",
	ModifyLdt:             "modify_ldt",
	PivotRoot:             "pivot_root",
	Sysctl:                "_sysctl",
	Prctl:                 "prctl",
	ArchPrctl:             "arch_prctl",
	Adjtimex:              "adjtimex",
	Setrlimit:             "setrlimit",
	Chroot:                "chroot",
	Sync:                  "sync",
	Acct:                  "acct",
	Settimeofday:          "settimeofday",
	Mount:                 "mount",
	Umount2:               "umount2",
	Swapon:                "swapon",
	Swapoff:               "swapoff",
	Reboot:                "reboot",
	Sethostname:           "sethostname",
	Setdomainname:         "setdomainname",
	Iopl:                  "iopl",
	Ioperm:                "ioperm",
	CreateModule:          "create_module",
	InitModule:            "init_module",
	DeleteModule:          "delete_module",
	GetKernelSyms:         "get_kernel_syms",
	QueryModule:           "query_module",
	Quotactl:              "quotactl",
	Nfsservctl:            "nfsservctl",
	Getpmsg:               "getpmsg",
	Putpmsg:               "putpmsg",
	AfsSyscall:            "afs_syscall",
	Tuxcall:               "tuxcall",
	Security:              "security",
	Gettid:                "gettid",
	Readahead:             "readahead",
	Setxattr:              "setxattr",
	Lsetxattr:             "lsetxattr",
	Fsetxattr:             "fsetxattr",
	Getxattr:              "getxattr",
	Lgetxattr:             "lgetxattr",
	Fgetxattr:             "fgetxattr",
	Listxattr:             "listxattr",
	Llistxattr:            "llistxattr",
	Flistxattr:            "flistxattr",
	Removexattr:           "removexattr",
	Lremovexattr:          "lremovexattr",
	Fremovexattr:          "fremovexattr",
	Tkill:                 "tkill",
	Time:                  "time",
	Futex:                 "futex",
	SchedSetaffinity:      "sched_setaffinity",
	SchedGetaffinity:      "sched_getaffinity",
	SetThreadArea:         "set_thread_area",
	IoSetup:               "io_setup",
	IoDestroy:             "io_destroy",
	IoGetevents:           "io_getevents",
	IoSubmit:              "io_submit",
	IoCancel:              "io_cancel",
	GetThreadArea:         "get_thread_area",
	LookupDcookie:         "lookup_dcookie",
	EpollCreate:           "epoll_create",
	EpollCtlOld:           "epoll_ctl_old",
	EpollWaitOld:          "epoll_wait_old",
	RemapFilePages:        "remap_file_pages",
	Getdents64:            "getdents64",
	SetTidAddress:         "set_tid_address",
	RestartSyscall:        "restart_syscall",
	Semtimedop:            "semtimedop",
	Fadvise64:             "fadvise64",
	TimerCreate:           "timer_create",
	TimerSettime:          "timer_settime",
	TimerGettime:          "timer_gettime",
	TimerGetoverrun:       "timer_getoverrun",
	TimerDelete:           "timer_delete",
	ClockSettime:          "clock_settime",
	ClockGettime:          "clock_gettime",
	ClockGetres:           "clock_getres",
	ClockNanosleep:        "clock_nanosleep",
	ExitGroup:             "exit_group",
	EpollWait:             "epoll_wait",
	EpollCtl:              "epoll_ctl",
	Tgkill:                "tgkill",
	Utimes:                "utimes",
	Vserver:               "vserver",
	Mbind:                 "mbind",
	SetMempolicy:          "set_mempolicy",
	GetMempolicy:          "get_mempolicy",
	MqOpen:                "mq_open",
	MqUnlink:              "mq_unlink",
	MqTimedsend:           "mq_timedsend",
	MqTimedreceive:        "mq_timedreceive",
	MqNotify:              "mq_notify",
	MqGetsetattr:          "mq_getsetattr",
	KexecLoad:             "kexec_load",
	Waitid:                "waitid",
	AddKey:                "add_key",
	RequestKey:            "request_key",
	Keyctl:                "keyctl",
	IoprioSet:             "ioprio_set",
	IoprioGet:             "ioprio_get",
	InotifyInit:           "inotify_init",
	InotifyAddWatch:       "inotify_add_watch",
	InotifyRmWatch:        "inotify_rm_watch",
	MigratePages:          "migrate_pages",
	Openat:                "openat",
	Mkdirat:               "mkdirat",
	Mknodat:               "mknodat",
	Fchownat:              "fchownat",
	Futimesat:             "futimesat",
	Newfstatat:            "newfstatat",
	Unlinkat:              "unlinkat",
	Renameat:              "renameat",
	Linkat:                "linkat",
	Symlinkat:             "symlinkat",
	Readlinkat:            "readlinkat",
	Fchmodat:              "fchmodat",
	Faccessat:             "faccessat",
	Pselect6:              "pselect6",
	Ppoll:                 "ppoll",
	Unshare:               "unshare",
	SetRobustList:         "set_robust_list",
	GetRobustList:         "get_robust_list",
	Splice:                "splice",
	Tee:                   "tee",
	SyncFileRange:         "sync_file_range",
	Vmsplice:              "vmsplice",
	MovePages:             "move_pages",
	Utimensat:             "utimensat",
	EpollPwait:            "epoll_pwait",
	Signalfd:              "signalfd",
	TimerfdCreate:         "timerfd_create",
	Eventfd:               "eventfd",
	Fallocate:             "fallocate",
	TimerfdSettime:        "timerfd_settime",
	TimerfdGettime:        "timerfd_gettime",
	Accept4:               "accept4",
	Signalfd4:             "signalfd4",
	Eventfd2:              "eventfd2",
	EpollCreate1:          "epoll_create1",
	Dup3:                  "dup3",
	Pipe2:                 "pipe2",
	InotifyInit1:          "inotify_init1",
	Preadv:                "preadv",
	Pwritev:               "pwritev",
	RtTgsigqueueinfo:      "rt_tgsigqueueinfo",
	PerfEventOpen:         "perf_event_open",
	Recvmmsg:              "recvmmsg",
	FanotifyInit:          "fanotify_init",
	FanotifyMark:          "fanotify_mark",
	Prlimit64:             "prlimit64",
	NameToHandleAt:        "name_to_handle_at",
	OpenByHandleAt:        "open_by_handle_at",
	ClockAdjtime:          "clock_adjtime",
	Syncfs:                "syncfs",
	Sendmmsg:              "sendmmsg",
	Setns:                 "setns",
	Getcpu:                "getcpu",
	ProcessVmReadv:        "process_vm_readv",
	ProcessVmWritev:       "process_vm_writev",
	Kcmp:                  "kcmp",
	FinitModule:           "finit_module",
	SchedSetattr:          "sched_setattr",
	SchedGetattr:          "sched_getattr",
	Renameat2:             "renameat2",
	Seccomp:               "seccomp",
	Getrandom:             "getrandom",
	MemfdCreate:           "memfd_create",
	KexecFileLoad:         "kexec_file_load",
	Bpf:                   "bpf",
	Execveat:              "execveat",
	Userfaultfd:           "userfaultfd",
	Membarrier:            "membarrier",
	Mlock2:                "mlock2",
	CopyFileRange:         "copy_file_range",
	Preadv2:               "preadv2",
	Pwritev2:              "pwritev2",
	PkeyMprotect:          "pkey_mprotect",
	PkeyAlloc:             "pkey_alloc",
	PkeyFree:              "pkey_free",
	Statx:                 "statx",
	IoPgetevents:          "io_pgetevents",
	Rseq:                  "rseq",
	PidfdSendSignal:       "pidfd_send_signal",
	IoUringSetup:          "io_uring_setup",
	IoUringEnter:          "io_uring_enter",
	IoUringRegister:       "io_uring_register",
	OpenTree:              "open_tree",
	MoveMount:             "move_mount",
	Fsopen:                "fsopen",
	Fsconfig:              "fsconfig",
	Fsmount:               "fsmount",
	Fspick:                "fspick",
	PidfdOpen:             "pidfd_open",
	Clone3:                "clone3",
	CloseRange:            "close_range",
	Openat2:               "openat2",
	PidfdGetfd:            "pidfd_getfd",
	Faccessat2:            "faccessat2",
	ProcessMadvise:        "process_madvise",
	EpollPwait2:           "epoll_pwait2",
	MountSetattr:          "mount_setattr",
	QuotactlFd:            "quotactl_fd",
	LandlockCreateRuleset: "landlock_create_ruleset",
	LandlockAddRule:       "landlock_add_rule",
	LandlockRestrictSelf:  "landlock_restrict_self",
	MemfdSecret:           "memfd_secret",
	ProcessMrelease:       "process_mrelease",
	FutexWaitv:            "futex_waitv",
	SetMempolicyHomeNode:  "set_mempolicy_home_node",
	Cachestat:             "cachestat",
	Fchmodat2:             "fchmodat2",
	MapShadowStack:        "map_shadow_stack",
	FutexWake:             "futex_wake",
	FutexWait:             "futex_wait",
	FutexRequeue:          "futex_requeue",
	Statmount:             "statmount",
	Listmount:             "listmount",
	LsmGetSelfAttr:        "lsm_get_self_attr",
	LsmSetSelfAttr:        "lsm_set_self_attr",
	LsmListModules:        "lsm_list_modules",
	Mseal:                 "mseal",
	Setxattrat:            "setxattrat",
	Getxattrat:            "getxattrat",
	Listxattrat:           "listxattrat",
	Removexattrat:         "removexattrat",
	OpenTreeAttr:          "open_tree_attr",
}
