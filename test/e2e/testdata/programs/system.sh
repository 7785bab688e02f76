# What procps and util-linux read of the kernel, as far as it is the same
# everywhere; see TestSystem for what the sandbox has of its own.
id; id -u nobody; whoami; groups; uname -s -m -o; arch; nproc; hostname; getconf PAGE_SIZE _NPROCESSORS_ONLN CLK_TCK; pgrep -x no-such; echo $?
sleep 77 & p=$!; until grep -q sleep /proc/$p/comm; do :; done; pgrep -f 'sleep 7[7]' | wc -l; ps -o comm=,args=,ppid= -p $p | sed "s/  *$$/ PARENT/"; pkill -f 'sleep 7[7]'; wait $p; echo $?
ps -o pid= -p $$ | wc -l; ps -p 99999 -o pid=; echo $?; tty; mountpoint -q /proc; echo $?; free | awk '{print NF}' ; cut -d: -f1 /proc/meminfo | head -3
