package sys

import (
	"encoding/binary"
	"fmt"
	"strings"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/loader"
	"glovebox/sentry/vfs"
)

// executions is the calls that change the program.
var executions = family{
	sysno.Execve:   call3(execve),
	sysno.Execveat: call5(execveat),
}

// execve is execve(2).
func execve(t *kernel.Task, name Path, argv, envp Addr) (uintptr, error) {
	return execveat(t, linux.AT_FDCWD, name, argv, envp, 0)
}

// execveat is execveat(2).
func execveat(t *kernel.Task, dir FD, path Path, argv, envp Addr, flags Flags) (uintptr, error) {
	name, err := copyInString(t.Mem(), path.Guest(), linux.PATH_MAX)
	if err != nil {
		return 0, err
	}
	if name == "" && flags&linux.AT_EMPTY_PATH == 0 {
		return 0, linux.ENOENT
	}
	if flags&^(linux.AT_SYMLINK_NOFOLLOW|linux.AT_EMPTY_PATH) != 0 {
		return 0, linux.EINVAL
	}
	f, err := openExecAt(t, dir, name, flags)
	if err != nil {
		return 0, err
	}
	x := Execution{
		Kernel: t.Kernel(), Cgroup: t.Group().Cgroup(), VFS: vfsOf(t), Ctx: vfsCtx(t), File: f, Name: name,
		Limits: t.Group().Limits(), Personality: t.Personality().Load(),
	}
	switch {
	case dir == linux.AT_FDCWD || strings.HasPrefix(name, "/"):
	case name == "":
		x.Name = fmt.Sprintf("/dev/fd/%d", dir)
	default:
		x.Name = fmt.Sprintf("/dev/fd/%d/%s", dir, name)
	}
	if x.Args, x.Env, err = copyInArgs(t, argv, envp); err != nil {
		f.Dec()
		return 0, err
	}
	img, err := x.Load()
	if err != nil {
		return 0, err
	}
	if err = t.Exec(img); err != kernel.ErrNoReturn {
		img.Memory.DecUsers()
	}
	return 0, err
}

// openExecAt opens the file to execute.
func openExecAt(t *kernel.Task, dir FD, name string, flags Flags) (*vfs.File, error) {
	c := vfsCtx(t)
	start := c.Cwd
	if dir != linux.AT_FDCWD && !strings.HasPrefix(name, "/") {
		f, err := getAnyFile(t, dir)
		if err != nil {
			return nil, err
		}
		defer f.Dec()
		if start = f.Path(); start.IsZero() {
			return nil, linux.EACCES
		}
	}
	var how vfs.WalkFlags
	if flags&linux.AT_SYMLINK_NOFOLLOW != 0 {
		how |= vfs.NoFollow
	}
	if flags&linux.AT_EMPTY_PATH != 0 {
		how |= vfs.AllowEmpty
	}
	p, err := vfsOf(t).Walk(c, start, name, how)
	if err != nil {
		return nil, err
	}
	if p.Inode().Kind() == linux.S_IFLNK {
		return nil, linux.ELOOP
	}
	return vfsOf(t).OpenExec(c, p)
}

// copyInArgs reads the strings of a new program, as many as its stack may hold.
func copyInArgs(t *kernel.Task, argv, envp Addr) (args, env []string, err error) {
	limit := t.Group().Limits().Cur(linux.RLIMIT_STACK)
	argPtrs, err := copyInPointers(t, argv, limit)
	if err != nil {
		return nil, nil, err
	}
	envPtrs, err := copyInPointers(t, envp, limit)
	if err != nil {
		return nil, nil, err
	}
	left, err := loader.ArgLimit(limit, max(len(argPtrs), 1)+len(envPtrs))
	if err != nil {
		return nil, nil, err
	}
	if env, err = copyInStrings(t, envPtrs, &left); err != nil {
		return nil, nil, err
	}
	if args, err = copyInStrings(t, argPtrs, &left); err != nil {
		return nil, nil, err
	}
	if len(args) == 0 {
		args = []string{""} // programs rely on argv[0] (CVE-2021-4034)
	}
	return args, env, nil
}

// copyInPointers reads pointers up to a null one.
func copyInPointers(t *kernel.Task, a Addr, stackLimit uint64) ([]guest.Addr, error) {
	if a == 0 {
		return nil, nil
	}
	var ptrs []guest.Addr
	for at := a.Guest(); ; {
		var buf [512]byte
		n, err := t.Mem().CopyIn(at, buf[:])
		for b := buf[:n&^7]; len(b) > 0; b = b[8:] {
			p := guest.Addr(binary.LittleEndian.Uint64(b))
			if p == 0 {
				return ptrs, nil
			}
			ptrs = append(ptrs, p)
		}
		if err != nil {
			return nil, err
		}
		if _, err := loader.ArgLimit(stackLimit, len(ptrs)); err != nil {
			return nil, err
		}
		at += guest.Addr(len(buf))
	}
}

// copyInStrings reads the strings at ptrs; left is how many bytes they may have.
func copyInStrings(t *kernel.Task, ptrs []guest.Addr, left *uint64) ([]string, error) {
	list := make([]string, len(ptrs))
	for i, p := range ptrs {
		s, err := copyInString(t.Mem(), p, int(min(loader.MaxString, *left)))
		if err == linux.ENAMETOOLONG {
			err = linux.E2BIG
		}
		if err != nil {
			return nil, err
		}
		list[i] = s
		*left -= uint64(len(s)) + 1
	}
	return list, nil
}
