package vfs

// Refs returns how many references there are to f.
func (f *File) Refs() int64 { return f.refs.Refs() }

// Alive reports whether some descriptor, mapping or call refers to f still.
func (f *File) Alive() bool { return f.refs.Refs() > 0 }

// IsMountRoot reports whether p is where its mount begins.
func (p Path) IsMountRoot() bool { return p.Mount != nil && p.Dentry == p.Mount.root }
