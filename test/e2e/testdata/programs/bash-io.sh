# Redirections, here-documents, process substitution, coprocesses.
cat <<X | tr a-z A-Z
here $((6 * 7))
X
cat <<'X'
$not expanded
X
cat <<-X
	tabs gone
	X
cat <<< "a string"
diff <(printf '1\n2\n3\n') <(printf '1\n3\n'); echo $?
paste <(seq 3) <(seq 4 6) <(seq 7 9)
seq 5 | tee >(wc -l > count) > copy; sleep 0.1; until [ -s count ]; do sleep 0.01; done; cat count copy
coproc C { while read l; do echo "got $l"; done; }
echo one >&"${C[1]}"; read r <&"${C[0]}"; echo $r
echo two >&"${C[1]}"; read r <&"${C[0]}"; echo $r
eval "exec ${C[1]}>&-"; wait $C_PID; echo $?
read -t 0.05 x < <(sleep 1); echo $?
read -t 5 x < <(sleep 0.05; echo late); echo $? $x
read -n 3 x <<< abcdef; echo $x
read -d : a <<< one:two; echo $a
mapfile -t lines < <(seq 4); echo ${#lines[@]} ${lines[3]}
exec 5<>file; echo content >&5; exec 5>&-; cat file
exec 6>&1 7>file2; echo to stdout >&6; echo to file >&7; exec 6>&- 7>&-; cat file2
{ echo out; echo err >&2; } 2>&1 | sort
{ echo out; echo err >&2; } > both 2>&1; cat both
echo more >> both; wc -l < both
set -C; echo x > both; echo $?; echo x >| both; cat both; set +C
echo lost > /no/such/file; echo $?
echo x > /dev/full; echo $?
exec 8</dev/null; ls -l /proc/self/fd/8 | sed 's/.*8/8/'; exec 8<&-
cat < /dev/fd/0 <<< "dev fd"
printf '%s\n' "$(echo sub; exit 3)"; echo $?
yes | head -2; echo ${PIPESTATUS[@]}
mkfifo p; echo through > p & cat p; wait
seq 2000 | while read i; do [ $i = 1000 ] && echo half && break; done
echo {a..e}{1..3} | wc -w
echo "$((2**62)) $RANDOM" | cut -d' ' -f1
cd /usr; pwd; cd - >/dev/null; cd /proc/self; pwd -P | grep -c '^/proc/[0-9]*$'
type cat ls true; hash
compgen -A signal | head -5
