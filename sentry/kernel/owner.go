package kernel

import "glovebox/sentry/auth"

// An Owner is who gets the signals of a file: a process or, negative, a process
// group (F_SETOWN of fcntl(2)).
type Owner struct {
	ns    *PIDNamespace
	who   int32
	creds *auth.Creds // of who set it
}

// NewOwner returns the owner that t sets.
func (t *Task) NewOwner(who int32) *Owner { return &Owner{t.tg.ns, who, t.Creds()} }

// Send sends a signal, which is lost where it may not be (send_sigurg).
func (o *Owner) Send(signo int) {
	o.ns.k.tree.RLock()
	defer o.ns.k.tree.RUnlock()
	if o.who > 0 {
		if tg := o.ns.groups[o.who]; tg != nil {
			o.sendLocked(tg, signo)
		}
	} else if pg := o.ns.pgrps[-o.who]; pg != nil {
		for _, tg := range pg.members {
			o.sendLocked(tg, signo)
		}
	}
}

// sendLocked is sigio_perm of fs/fcntl.c, and the signal.
func (o *Owner) sendLocked(tg *ThreadGroup, signo int) {
	c, d := o.creds, tg.leader.Creds()
	if c.EUID == 0 || c.EUID == d.SUID || c.EUID == d.UID || c.UID == d.SUID || c.UID == d.UID {
		_ = tg.Signal(KernelInfo(signo))
	}
}
