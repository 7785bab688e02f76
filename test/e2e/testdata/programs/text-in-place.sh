# Programs whose file is written over in place, between runs: what the sandbox
# made of their old text must not run.
cat > a.c <<'C'
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	int n = 0;
	for (int i = 0; i < 100; i++)
		n += getppid() > 0;
	printf("a %d\n", n);
}
C
sed 's/a %d/b %d/; s/int n = 0;/int n = 0; getuid(); getuid(); getgid();/' a.c > b.c
gcc -O1 -static -o a a.c && gcc -O1 -static -o b b.c
cp a x
for i in 1 2 3; do ./x; done
cat b > x
for i in 1 2 3; do ./x; done
cat a > x
./x; ./x
