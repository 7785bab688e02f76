# ulimit, times, umask and what a process inherits.
ulimit -n 40; ulimit -n
ulimit -Sn 20; ulimit -Sn; ulimit -Hn
bash -c 'for i in {3..30}; do eval "exec $i</dev/null" || break; done' 2>&1 | sed 's/.*: //'
ulimit -f 8; head -c 100000 /dev/zero > big; echo $?; stat -c %s big
ulimit -c 0; ulimit -c
ulimit -s 1024; ulimit -s
(bash -c 'f() { f; }; f') 2>/dev/null; echo $?
ulimit -t 1; bash -c 'while :; do :; done' 2>/dev/null; echo $?
ulimit -v 500000; python3 -c 'bytearray(1 << 30)' 2>&1 | tail -1
umask; umask 027; touch f; mkdir d; stat -c '%A %n' f d; umask -S
ulimit -u 100000 && ulimit -u
echo $(($(nice -n 5 nice) - $(nice)))
env -i A=1 B=2 env
env -u HOME bash -c 'echo ${HOME-unset}'
nohup true; echo $?
timeout 0.1 sleep 5; echo $?
timeout -s KILL 0.1 sleep 5; echo $?
timeout 5 false; echo $?
time -p true 2>/dev/null
exec -a renamed bash -c 'echo $0; cat /proc/$$/comm; tr "\0" " " < /proc/$$/cmdline; echo'
