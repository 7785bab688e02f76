package loader

import (
	"bytes"

	"glovebox/abi/linux"
	"glovebox/sentry/mm"
)

const (
	// headSize is how much of a file tells what it is (BINPRM_BUF_SIZE).
	headSize = 256
	// maxInterpreters is how many #! files may follow one another (exec_binprm).
	maxInterpreters = 5
)

// Resolve finds the program that executing f, opened at path, starts. It takes
// over f, and drops it if it fails. ENOEXEC: f is neither ELF nor script.
func Resolve(o Opener, f mm.FileRef, path string, args, env []string) (*Program, error) {
	p := &Program{File: f, Name: path, Args: args, Env: env}
	err := p.resolve(o, path)
	if err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}

func (p *Program) resolve(o Opener, path string) error {
	for depth := 0; ; depth++ {
		head, err := readHead(p.File)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(head, []byte("#!")) {
			return p.resolveELF(o, head)
		}
		if depth == maxInterpreters {
			return linux.ELOOP
		}
		name, arg, ok := parseScript(head)
		if !ok {
			return linux.ENOEXEC
		}
		next, err := o.OpenExec(name)
		if err != nil {
			return err
		}
		p.File.Dec()
		p.File = next
		// The script takes the place of argv[0].
		front := []string{name, path}
		if arg != "" {
			front = []string{name, arg, path}
		}
		p.Args = append(front, p.Args[min(len(p.Args), 1):]...)
		path = name
	}
}

// readHead reads the first bytes of f, zeros behind a short file.
func readHead(f mm.FileRef) ([]byte, error) {
	m := f.Mappable()
	if m == nil {
		return nil, linux.ENOEXEC
	}
	b := make([]byte, headSize)
	n, err := m.ReadAt(b, 0)
	if err != nil && n == 0 {
		if e, ok := err.(linux.Errno); ok {
			return nil, e
		}
		return nil, linux.ENOEXEC // an empty file
	}
	clear(b[n:])
	return b, nil
}

// parseScript reads a #! line: the interpreter and at most one argument. A line
// that does not fit is cut, but not within the interpreter's name (load_script
// in fs/binfmt_script.c).
func parseScript(head []byte) (name, arg string, ok bool) {
	const blanks = " \t"
	line, _, whole := bytes.Cut(head[2:], []byte{'\n'})
	if !whole {
		line = line[:len(line)-1]
		rest := bytes.TrimLeft(line, blanks)
		if len(rest) == 0 || !bytes.ContainsAny(head[len(head)-1-len(rest):], blanks+"\x00") {
			return "", "", false
		}
	}
	line = bytes.Trim(line, blanks)
	end := bytes.IndexAny(line, blanks+"\x00")
	switch {
	case end < 0:
		name = string(line)
	case line[end] == 0:
		name = string(line[:end])
	default:
		name = string(line[:end])
		b, _, _ := bytes.Cut(bytes.TrimLeft(line[end:], blanks), []byte{0})
		arg = string(b)
	}
	return name, arg, len(line) > 0
}

// resolveELF reads the headers of an ELF file and of its interpreter.
func (p *Program) resolveELF(o Opener, head []byte) (err error) {
	if p.elf, err = parse(p.File, head); err != nil {
		return err
	}
	name, err := p.elf.interpreter(p.File)
	if err != nil || p.elf.interpLen == 0 {
		return err
	}
	if p.Interp, err = o.OpenExec(name); err != nil {
		p.Interp = nil
		return err
	}
	if head, err = readHead(p.Interp); err != nil {
		return err
	}
	p.interpELF, err = parse(p.Interp, head)
	if err == linux.ENOEXEC {
		err = linux.ELIBBAD
	}
	return err
}
