# Files, links, times, modes, owners.
export TZ=UTC
mkdir -p a/b/c; echo one > a/one; echo two > a/b/two
touch -d '2020-01-02 03:04:05.678901234' a/one; touch -d @1000000000 a/b/two
touch -r a/one a/b/c
ln a/one a/hard; ln -s one a/soft; ln -s /no/where a/dangling; mkfifo a/fifo
mknod a/null c 1 3; cat a/null; echo x > a/null; echo $?
chmod 4755 a/one; chmod u+x,g-w,o= a/b/two; chmod 1777 a/b/c; chmod +t a/b
chown 12:34 a/b/two; chown -h 56:78 a/soft; chgrp 9 a/b
touch -hd @1 a/soft a/dangling; touch -d @2 a a/b a/fifo a/null a/b/c
(cd a && ls -la --time-style=full-iso | tail -n +2 | sed 's/^\(..........\).*root root */\1 root /' | grep -v ' \.\?\.$' | sed 's/^\(d.*[a-z]\) *[0-9]* \(1970\)/\1 \2/')
(cd a; stat -c '%n %F %a %u %g %h %Y %t %T' *; stat -c '%n %s' one soft)
stat -c '%.9Y' a/one
cp -a a copy; diff -r a/b copy/b; (cd copy; stat -c '%n %F %a %u %g %h %Y' * b/*)
[ copy/one -ef copy/hard ] && echo still linked
cp -r a/b copy2; cp --parents a/b/two copy2; find copy2 | sort
cp -l a/one linked; stat -c %h linked; cp -s "$PWD/a/one" sym; cat sym
mv a/one moved; cat moved a/hard; mv -n moved a/hard; ls; mv a/b a/renamed; ls a/renamed
mv copy2 a/renamed/c; ls a/renamed/c
mv a/renamed a/renamed/c/copy2 2>&1; echo $?
rmdir a 2>&1; rmdir -p x/y 2>&1; mkdir -m 700 m; stat -c %a m; rm -r m
rm a/hard a/soft; rm nothing; rm -f nothing; echo $?
ln -s loop1 loop2; ln -s loop2 loop1; cat loop1; echo $?
readlink a/dangling; readlink -f a/dangling copy/soft; realpath -m no/../such; realpath --relative-to=copy a
mkdir -p deep/$(seq -s/ 60); find deep -depth -type d | wc -l; rm -r deep
truncate -s 1M sparse; stat -c %s sparse; truncate -s 10 moved; od -c moved; truncate -s +5 moved; wc -c moved
fallocate -l 4096 fa; stat -c %s fa
dd if=/dev/zero of=dd bs=1k count=10 seek=5 2>/dev/null; stat -c %s dd; dd if=dd bs=7 skip=3 count=2 2>/dev/null | od -c
printf abcdef | dd conv=notrunc,ucase of=dd bs=1 seek=2 2>&1 | head -2; head -c 10 dd | od -c
rm a/null; install -m 640 -D moved x/y/z; stat -c %a x/y/z; install -d -m 711 i; stat -c %a i
du -b x/y/z
tail -c 3 moved | od -c; split -b 4 moved part.; ls part.*; split -n l/3 /etc/passwd l.; ls l.*; cat l.* | cmp - /etc/passwd
name=$(printf 'n%.0s' {1..255}); touch $name; ls | grep -c nnnn; touch ${name}x 2>&1 | sed 's/.*: //'; rm $name
touch 'sp ace' $'new\nline' $'\xff\xfe' --  -dash; ls -b | head -30; rm -- -dash
test -r /etc/passwd -a -d /etc -a ! -e /none -a -p a/fifo -a -c a/null -a -u copy/one; echo $?
echo zero > growing; (sleep 0.2; echo first; sleep 0.3; echo second) >> growing & pid=$!
tail -f --pid=$pid -s 0.1 growing; wait
sync; sync -f dd; echo $?
mktemp -d -p sub tXXXX 2>&1; d=$(mktemp -d -p . tXXXX); echo ${#d}; rmdir $d; mktemp -u -t aXXX | wc -c
shred -u -n 1 dd; ls dd
chmod 000 moved; cat moved | wc -c; ls -ld /proc/self/cwd | wc -l
find . -newer copy/b -name 'x*'; find a -type l -printf '%P %l %y %Y\n'; find copy -printf '%P %m %s %n %U %G %T@\n' | grep -v '^b\? 7.. 4096' | grep -v ' 4096 \| 40 ' | sort
find . -name 'part.*' -exec rm {} +; find . -name 'l.*' -delete; ls
