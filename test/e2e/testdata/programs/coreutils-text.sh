# Filters over real text.
f=/usr/share/common-licenses/GPL-3
sort $f | uniq -c | sort -k1,1nr -k2 | head -5
tr -cs A-Za-z '\n' < $f | sort -S 1M | uniq -c | sort -k1,1nr -k2 | head
sort -u -k2,2 $f | cksum; sort --parallel=2 -R --random-source=$f $f | cksum
shuf --random-source=$f -n 3 $f; shuf -i 1-100 --random-source=$f | head -3 | xargs
comm -12 <(sort $f) <(sort /usr/share/common-licenses/GPL-2) | wc -l
join -t: -1 3 -2 3 -o 1.1,2.1 <(sort -t: -k3,3 /etc/passwd) <(sort -t: -k3,3 /etc/group) | head -5
seq 10 | paste -sd+ | bc; seq 9 | paste - - -; nl $f | tail -2; fold -w 40 $f | tail -2; fmt -w 50 $f | cksum
od -A x -t x1z $f | tail -2; od -An -tu4 -N16 $f; head -c 20 $f | xxd 2>/dev/null | wc -l; tac $f | head -2; rev <<< abc
cut -d' ' -f2-4 $f | cksum; expand $f | unexpand -a | cksum; pr -l 20 $f | cksum; csplit -q $f 100 200 && wc -l xx*
sha256sum $f; md5sum $f; sha1sum $f; sha512sum $f; b2sum $f; sum $f; cksum $f; sha256sum $f > sums; sha256sum -c sums
base64 $f | base64 -d | cmp - $f; base32 <<< hello; basenc --base16 <<< hello
date -u -d @1234567890 +%FT%TZ; date -u -d '2024-02-29 +1 year' +%F; TZ=America/New_York date -d @1700000000; cal 2>/dev/null | wc -c
expr 6 '*' 7; factor 1234567890 ; numfmt --to=iec 123456789; seq -w 8 11; printf '%05.2f|%-5s|%x\n' 3.14159 ab 255
env printf '%q\n' "a b"; echo $f | xargs -n1 basename; dirname $f; pathchk -p 'a b'; echo $?
tee a b < $f | cmp - $f; cmp a b; echo $?; cmp <(echo abc) <(echo abd); echo $?; diff -u <(head -5 $f) <(head -5 $f | tr a-z A-Z) | tail -n +3
tsort <<< 'a b b c c d'; yes x | head -c 100000 | wc; true; nproc; arch; who; id -un; id -G; groups; logname 2>&1 | wc -l
stdbuf -oL echo buffered; tty; stty -a 2>&1; echo $?
grep -rc GNU /usr/share/common-licenses | sort; grep -rl Apache /usr/share/common-licenses /etc/apt 2>/dev/null| sort; grep -Pn '^\s+(?=Version)' $f; zgrep -c . /usr/share/doc/bash/*.gz | sort | head
sed -n '/TERMS/,/0\./p' $f; sed 's/GNU/gnu/g;s/^ *//' $f | cksum; cp $f g; sed -i.bak -e '1,10d' -e 's/the/THE/g' g; wc -l g g.bak; cksum g
awk '{ n += NF; for (i = 1; i <= NF; i++) c[$i]++ } END { print NR, n, length(c) }' $f
awk -F: '$3 < 10 { printf "%-10s %d\n", $1, $3 | "sort" } END { close("sort"); while (("seq 3" | getline x) > 0) print x; print system("exit 3") }' /etc/passwd
find /usr/share/doc -name copyright | sort | head -40 | xargs -P 4 -n 5 md5sum | sort | md5sum
seq 20 | xargs -P 3 -I{} sh -c 'echo $(({} * {}))' | sort -n | paste -sd,
seq 5 | xargs -n 1 sh -c 'exit $(($0 == 3))'; echo $?; echo 1 | xargs sh -c 'exit 255'; echo $?; echo | xargs no-such-program; echo $?
find /etc -maxdepth 2 -name '*.conf' -size -4k -exec grep -l . {} + 2>/dev/null | sort | head
find /usr/lib -maxdepth 2 -type l -printf '%p -> %l\n' | sort | md5sum; find /usr/include -name '*.h' -printf '%f %s %m %n %T@\n' | sort | md5sum
find /usr/share -type d | wc -l; find /usr/bin -perm -4000 | sort; ls -lR /usr/include | grep -v ^d | tr -s ' ' | md5sum; ls -laiR /usr/share/common-licenses | wc -l; du -s --apparent-size /usr/include
