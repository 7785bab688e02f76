# Job control: needs signals to groups, stops and continues, waitid's kinds.
set -m
sleep 60 & one=$!
sleep 61 & two=$!
jobs
# By pid: bash may have dropped the job by then.
kill %1
wait $one; echo "first: $?"
kill -STOP %2
until [[ $(jobs %2) == *Stopped* ]]; do sleep 0.01; done
jobs
bg %2 >/dev/null
jobs %2
kill %2; wait $two; echo "second: $?"
(exit 5) & wait $!; echo "third: $?"
sleep 60 &
kill -KILL $!; wait $! 2>/dev/null; echo "killed: $?"
{ kill -STOP $BASHPID; echo continued; } &
until [[ $(jobs) == *Stopped* ]]; do sleep 0.01; done
fg; echo "fg: $?"
true | false | (exit 3); echo "${PIPESTATUS[@]}"
set -o pipefail
false | true; echo $?
# A pipeline is a process group of its own.
sleep 60 | cat &
[ "$(ps -o pgid= -p $(jobs -p %%))" -eq $(jobs -p %%) ] && echo leads
kill %%; wait
disown -a; jobs
for i in 3 1 2; do (sleep 0.$i; echo $i) & done; wait
