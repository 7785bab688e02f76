package linux

import "structs"

// Values of sysvipc(7).
const (
	IPC_PRIVATE = 0
	IPC_CREAT   = 0o1000
	IPC_EXCL    = 0o2000
	IPC_NOWAIT  = 0o4000

	IPC_RMID = 0
	IPC_SET  = 1
	IPC_STAT = 2
	IPC_INFO = 3

	SHM_EXEC   = 0o100000
	SHM_RDONLY = 0o10000
	SHM_RND    = 0o20000
	SHM_REMAP  = 0o40000
	SHM_DEST   = 0o1000
	SHM_LOCKED = 0o2000

	SHM_LOCK     = 11
	SHM_UNLOCK   = 12
	SHM_STAT     = 13
	SHM_INFO     = 14
	SHM_STAT_ANY = 15

	SEM_UNDO     = 0x1000
	GETPID       = 11
	GETVAL       = 12
	GETALL       = 13
	GETNCNT      = 14
	GETZCNT      = 15
	SETVAL       = 16
	SETALL       = 17
	SEM_STAT     = 18
	SEM_INFO     = 19
	SEM_STAT_ANY = 20

	MSG_NOERROR  = 0o10000
	MSG_EXCEPT   = 0o20000
	MSG_COPY     = 0o40000
	MSG_STAT     = 11
	MSG_INFO     = 12
	MSG_STAT_ANY = 13

	// Limits: of semaphores per set, their value, sets, semaphores in all (less
	// than Linux has: they are memory of the Sentry), operations a call and
	// segments; of a message, a queue and queues.
	SEMMSL = 32000
	SEMVMX = 32767
	SEMMNI = 32000
	SEMMNS = 1 << 20
	SEMOPM = 500
	SHMMNI = 4096
	MSGMAX = 8192
	MSGMNB = 16384
	MSGMNI = 1024
)

// IPCPerm is struct ipc64_perm.
type IPCPerm struct {
	_                    structs.HostLayout
	Key                  int32
	UID, GID, CUID, CGID uint32
	Mode                 uint32
	Seq                  uint16
	_                    [6]byte
	_                    [2]uint64
}

// ShmidDS is struct shmid64_ds.
type ShmidDS struct {
	_                   structs.HostLayout
	Perm                IPCPerm
	Size                uint64
	Atime, Dtime, Ctime int64
	CPID, LPID          int32
	Nattch              uint64
	_                   [2]uint64
}

// ShmInfo64 is struct shminfo64 (IPC_INFO).
type ShmInfo64 struct {
	_                       structs.HostLayout
	Max, Min, MNI, Seg, All uint64
	_                       [4]uint64
}

// ShmInfo is struct shm_info (SHM_INFO).
type ShmInfo struct {
	_                                             structs.HostLayout
	UsedIDs                                       int32
	_                                             [4]byte
	Total, RSS, Swap, SwapAttempts, SwapSuccesses uint64
}

// SemidDS is struct semid64_ds.
type SemidDS struct {
	_     structs.HostLayout
	Perm  IPCPerm
	Otime int64
	_     uint64
	Ctime int64
	_     uint64
	Nsems uint64
	_     [2]uint64
}

// Sembuf is struct sembuf.
type Sembuf struct {
	_   structs.HostLayout
	Num uint16
	Op  int16
	Flg int16
}

// Seminfo is struct seminfo.
type Seminfo struct {
	_                                                structs.HostLayout
	Map, MNI, MNS, MNU, MSL, OPM, UME, USZ, VMX, AEM int32
}

// MsqidDS is struct msqid64_ds.
type MsqidDS struct {
	_                    structs.HostLayout
	Perm                 IPCPerm
	Stime, Rtime, Ctime  int64
	Cbytes, Qnum, Qbytes uint64
	LSPID, LRPID         int32
	_                    [2]uint64
}

// MqAttr is struct mq_attr (mq_getattr(3)).
type MqAttr struct {
	_       structs.HostLayout
	Flags   int64
	Maxmsg  int64
	Msgsize int64 // bytes
	Curmsgs int64
	_       [4]int64
}

// MQ_PRIO_MAX is more than any message's priority.
const MQ_PRIO_MAX = 32768

// Msginfo is struct msginfo.
type Msginfo struct {
	_                                  structs.HostLayout
	Pool, Map, Max, MNB, MNI, SSZ, TQL int32
	Seg                                uint16
	_                                  [2]byte
}
