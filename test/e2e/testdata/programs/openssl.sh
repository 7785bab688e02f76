# Digests over a good part of /usr/share, ciphers, keys.
find /usr/share/doc /usr/share/perl /usr/share/zoneinfo -type f -size -200k | sort | head -3000 | xargs openssl dgst -sha256 | sha256sum
for d in md5 sha1 sha512 blake2b512 sha3-256; do openssl dgst -$d /usr/bin/bash; done
openssl enc -aes-256-cbc -pbkdf2 -pass pass:secret -S 0102030405060708 -in /usr/bin/bash -out enc; sha256sum enc
openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:secret -S 0102030405060708 -in enc | cmp - /usr/bin/bash; echo $?
openssl genpkey -algorithm ed25519 -out key; openssl pkey -in key -pubout -out pub; stat -c %a key
openssl pkeyutl -sign -rawin -inkey key -in /etc/passwd -out sig; openssl pkeyutl -verify -rawin -pubin -inkey pub -in /etc/passwd -sigfile sig
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=box -keyout k -out c -days 2 2>/dev/null; openssl verify -CAfile c c; openssl x509 -in c -noout -subject
openssl rand -hex 16 | wc -c; openssl prime -generate -bits 64 | wc -l
