# tar with links, sparse files and attributes; compressors.
export TZ=UTC
mkdir -p t/d; echo one > t/one; ln t/one t/two; ln -s one t/three; truncate -s 3M t/sparse; printf end >> t/sparse; mkfifo t/fifo; chmod 4711 t/two; chown 7:8 t/three -h
mkdir t/$(printf 'long%.0s' {1..50}); touch -hd @1000000000 t/* t; setfattr -n user.k -v v t/one 2>&1
tar --sort=name --numeric-owner -cSf t.tar t; tar tvf t.tar; sha256sum t.tar
tar --sort=name --format=pax --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --xattrs -cf x.tar t; sha256sum x.tar
mkdir out; tar -xpf t.tar -C out; diff -r t out/t 2>&1 | grep -v fifo; (cd out/t; stat -c '%n %a %u %g %h %F %Y' *; stat -c '%n %s' one sparse)
[ out/t/one -ef out/t/two ] && echo linked
mkdir xo; tar --xattrs -xpf x.tar -C xo; getfattr -d xo/t/one 2>&1
s=/usr/share/perl-base; s=/usr/share/common-licenses; tar --sort=name --mtime=@0 --owner=0 --group=0 -C $s -cf l.tar .
for z in gzip\ -n bzip2 xz\ -T2 zstd\ -qT2 lzma; do $z -k -f l.tar; done; ls l.tar.*; sha256sum l.tar.gz l.tar.xz
gzip -t l.tar.gz; zcat l.tar.gz | cmp - l.tar; xzcat l.tar.xz | cmp - l.tar; xz -lv l.tar.xz | grep -c SHA; tar -tzf l.tar.gz | head -3; tar xJf l.tar.xz -C out; diff -r $s out 2>&1 | grep -v 'Only in out'
cat /usr/bin/b* | xz -T2 --block-size=500KiB -3 | xz -dT2 | sha256sum; cat /usr/bin/b* | sha256sum
tar -cf - -C /usr/include . | tar -tf - | wc -l; tar --create --gzip --file=- t | file - | grep -c gzip
echo bad > bad.gz; gunzip bad.gz; echo $?; echo x | gzip | head -c 10 | gunzip; echo $?
tar xf /no/such.tar; echo $?; cpio --version 2>/dev/null | head -0
(cd t; find . | sort | cpio --reproducible -oc 2>/dev/null | cpio -itv 2>/dev/null) | wc -l
