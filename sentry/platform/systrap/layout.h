// Where things are in a stub process. layout.go says the same for Go; a test
// compares them.

#define TEXT_BASE   0x7ff000000000
#define DATA_BASE   0x7ff000100000
#define DATA_SIZE   0x10000
#define CTL_BASE    0x7ff010000000
#define CTL_SIZE    0x40000000
#define AFTER_CTL   0x7ff050000000
#define USER_TOP    0x7ffffffff000

// The data segment of the template: what Go put into the ELF image.
#define DATA_FPROG  0x0
#define DATA_MM     0x10
#define DATA_TOP    0x10000

// Behind it a page that stubs keep: what the host shows as their arguments.
#define ARGS_BASE   0x7ff000110000

// A slot: one guest thread. 32 KiB, aligned; signal frames lie at its end.
#define SLOT_MASK   -0x8000
#define S_TURN      0x00
#define S_SLEEP     0x04
#define S_PARKED    0x08
#define S_SPIN      0x0c
#define S_CMD       0x10
#define S_NOPS      0x14
#define S_TID       0x18
#define S_INDEX     0x1c
#define S_MYSEQ     0x20
#define S_NEEDSEQ   0x24
#define S_UC        0x28
#define S_INFO      0x30
#define S_RESUME    0x38
#define S_SS        0x40
#define S_STATE     0x58
#define S_KICKED    0x5c
#define S_XLO       0x60
#define S_XHI       0x64
#define S_SELF      0x68
#define S_ONE       0x70
#define S_CPU       0x78
#define S_STUBCPU   0x7c
#define S_CACHED    0xc0
#define S_LOCAL     0xc4
#define S_MSG       0x100
#define S_MSGCTLLEN 0x128
#define S_CMSGFD    0x170
#define S_OPS       0x200

// The registers of a rewritten call, in the order of a signal frame's.
#define S_GR8       0xb00
#define S_GR9       0xb08
#define S_GR10      0xb10
#define S_GR11      0xb18
#define S_GR12      0xb20
#define S_GR13      0xb28
#define S_GR14      0xb30
#define S_GR15      0xb38
#define S_GDI       0xb40
#define S_GSI       0xb48
#define S_GBP       0xb50
#define S_GBX       0xb58
#define S_GDX       0xb60
#define S_GAX       0xb68
#define S_GCX       0xb70
#define S_GSP       0xb78
#define S_GIP       0xb80
#define S_GEFL      0xb88
#define S_IRET      0xbc0
#define S_XS        0x2000

// Whose turn it is (S_TURN).
#define TURN_STUB   1
#define TURN_IDLE   4

// What the Sentry has a thread do (S_CMD).
#define CMD_RESUME  0
#define CMD_POST    1
#define CMD_EXIT    2
#define CMD_SPILL   3
#define CMD_RETURN  4
#define CMD_REGS    5
#define CMD_REGSFP  6

// Descriptors of a stub: the socket by which it is given others, the doorbell.
#define FD_SOCK     0
#define FD_BELL     1

// The segment whose limit is the processor and its node (GDT_ENTRY_CPUNODE).
#define CPU_SEG     0x7b

#define KICK        10 // SIGUSR1
#define UC_RIP      168

// In slot 0, for the whole address space.
#define A_DONESEQ   0x80
#define A_WAITERS   0x84
#define A_BITS      0xc00
#define BELL_MASK   0x1ff
#define A_FDS       0xe00
