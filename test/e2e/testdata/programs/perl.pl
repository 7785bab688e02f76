# fork, pipes, socket pairs, locks, alarms, signal handlers.
use strict; use warnings; use POSIX qw(:sys_wait_h :signal_h :errno_h mkfifo pause setsid ttyname uname); use Socket; use Fcntl qw(:flock :mode :DEFAULT SEEK_SET); use IO::Handle; use IO::Select; use Time::HiRes qw(ualarm usleep); use Errno;
$| = 1;
pipe(my $r, my $w) or die; my $pid = fork;
if (!$pid) { close $r; print $w "from child $_\n" for 1..3; exit 7 }
close $w; print while <$r>; waitpid $pid, 0; print "status ", $? >> 8, "\n";
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die; $_->autoflush(1) for $a, $b;
if (!($pid = fork)) { close $a; while (<$b>) { print $b uc } exit 0 }
close $b; for (qw(one two)) { print $a "$_\n"; print scalar <$a> } close $a; waitpid $pid, 0; print "echo $?\n";
sysopen(my $f, 'f', O_RDWR | O_CREAT | O_EXCL, 0640) or die; syswrite $f, 'abcdef'; sysseek $f, 2, SEEK_SET; sysread $f, my $buf, 3; print "$buf\n";
printf "%o %d\n", (stat $f)[2, 7]; sysopen(my $g, 'f', O_CREAT | O_EXCL) or print "error: $!\n";
flock $f, LOCK_EX; if (!($pid = fork)) { open my $h, '<', 'f'; print flock($h, LOCK_EX | LOCK_NB) ? "got\n" : "locked: $!\n"; exit } waitpid $pid, 0;
flock $f, LOCK_UN; if (!($pid = fork)) { open my $h, '<', 'f'; print flock($h, LOCK_SH | LOCK_NB) ? "got\n" : "locked\n"; exit } waitpid $pid, 0;
eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; select undef, undef, undef, 10; }; print $@;
eval { local $SIG{ALRM} = sub { die "ualarm\n" }; ualarm 20000; pause; }; print $@;
my %got; $SIG{$_} = sub { $got{$_[0]}++ } for qw(USR1 USR2 HUP); kill $_, $$ for qw(USR1 USR2 HUP USR1); print join(',', map "$_=$got{$_}", sort keys %got), "\n";
my $set = POSIX::SigSet->new(SIGUSR1); sigprocmask SIG_BLOCK, $set; kill USR1 => $$; my $p = POSIX::SigSet->new; sigpending $p; print 'pending ', $p->ismember(SIGUSR1), "\n"; sigprocmask SIG_UNBLOCK, $set; print "now $got{USR1}\n";
{ local $SIG{CHLD} = sub { while ((my $k = waitpid -1, WNOHANG) > 0) { $got{child}++ } }; for (1..4) { fork or exit $_ } my $i; usleep 10000 while ($got{child} // 0) < 4 && $i++ < 500; print "children $got{child}\n" }
$pid = fork // die; if (!$pid) { kill STOP => $$; exit 3 } waitpid $pid, WUNTRACED; print 'stopped by ', WSTOPSIG(${^CHILD_ERROR_NATIVE}), "\n"; kill CONT => $pid; waitpid $pid, 0; print 'exit ', WEXITSTATUS($?), "\n";
$pid = fork // die; if (!$pid) { kill SEGV => $$; sleep 5 } waitpid $pid, 0; print 'signal ', $? & 127, "\n";
print `echo backticks`; print "system ", system('exit 5') >> 8, "\n"; open my $o, '-|', 'seq 3' or die; print <$o>; close $o; open $o, '|-', 'tr a-z A-Z' or die; print $o "piped\n"; close $o;
{ local $SIG{PIPE} = sub { print "sigpipe\n" }; pipe $r, $w; close $r; syswrite $w, 'x' or print "error: $!\n" }
mkfifo 'p', 0600; if (!($pid = fork)) { open my $h, '>', 'p'; print $h "through\n"; exit } open my $h, '<', 'p'; print <$h>; waitpid $pid, 0;
socket my $s, AF_UNIX, SOCK_STREAM, 0; bind $s, pack_sockaddr_un('sock') or die; listen $s, 5; if (!($pid = fork)) { socket my $c, AF_UNIX, SOCK_STREAM, 0; connect $c, pack_sockaddr_un('sock') or die; syswrite $c, "hello"; exit } accept my $c, $s; sysread $c, $buf, 99; print "$buf\n"; waitpid $pid, 0;
my $sel = IO::Select->new($c); print scalar($sel->can_read(0)), " readable\n"; print -S 'sock' ? "socket\n" : "not\n";
opendir my $d, '.'; print join(' ', sort grep !/^\./, readdir $d), "\n"; rename 'f', 'g'; link 'g', 'h'; symlink 'h', 'i'; print readlink 'i', ' ', (stat 'g')[3], "\n"; utime 1, 2, 'g'; print join(' ', (stat 'i')[8, 9]), "\n"; chmod 0, 'h'; printf "%o\n", (lstat 'h')[2] & 07777; truncate 'g', 2; print -s 'g', "\n"; unlink qw(g h i p sock);
$! = ENOENT; print "$!\n"; print join(' ', (uname)[0, 4]), " $0\n" =~ s/\/.*\///r; $0 = 'renamed'; open my $m, '<', '/proc/self/comm'; print <$m>; print "uid $< $> gid ", (split ' ', $()[0], "\n"; printf "%s %s\n", (getpwuid 0)[0, 7]; my @t = times; print scalar(@t), "\n"; exec 'sh', '-c', 'echo last; exit 6';
