# Traps, and the signals behind them.
trap 'echo exit $?' EXIT
trap 'echo int' INT
trap 'echo err $?' ERR
kill -INT $$
false
(trap 'echo child int; exit 9' INT; kill -INT $BASHPID; echo not here); echo $?
trap 'echo usr1' USR1
kill -USR1 $$ $$ ; echo after
trap '' TERM; kill -TERM $$; echo ignored
bash -c 'kill -TERM $$; echo ignored by a child too'
trap - TERM; bash -c 'kill -TERM $$; echo not here'; echo $?
set -m
trap 'chld=1' CHLD
(exit 3) & wait $!; echo $? $chld
set +m
trap - CHLD
# A trap runs when wait is interrupted.
trap 'echo alarm' ALRM
(sleep 0.2; kill -ALRM $$) &
sleep 60 & s=$!
wait $s; echo $?
kill $s; wait $s; echo $?
for s in HUP QUIT ILL TRAP ABRT BUS FPE SEGV PIPE SYS XCPU VTALRM RTMIN RTMAX; do
	bash -c "ulimit -c 0; kill -$s \$\$" 2>/dev/null; echo $s $?
done
trap 'echo debug' DEBUG; :; trap - DEBUG
f() { trap 'echo return' RETURN; }; f
trap -p
exit 4
