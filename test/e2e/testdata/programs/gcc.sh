# A C program of several files built by make -j2, and C++ with exceptions and
# threads.
mkdir src; cd src
for i in 1 2 3 4 5 6; do
cat > f$i.c <<X
#include "all.h"
int f$i(int x) { return x * $i + (int)strlen("f$i"); }
X
done
cat > all.h <<'X'
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
int f1(int), f2(int), f3(int), f4(int), f5(int), f6(int);
X
cat > main.c <<'X'
#include "all.h"
int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;
	printf("%d\n", f1(f2(f3(f4(f5(f6(n)))))));
	return n;
}
X
cat > Makefile <<'X'
CFLAGS = -O2 -Wall -g -MMD
OBJ = main.o f1.o f2.o f3.o f4.o f5.o f6.o
prog: $(OBJ)
	$(CC) -o $@ $(OBJ)
lib.a: f1.o f2.o
	$(AR) rcsD $@ f1.o f2.o
static: $(OBJ) lib.a
	$(CC) -static -flto -o $@ $(OBJ)
lib.so: f1.c
	$(CC) -shared -fPIC -o $@ f1.c
clean:
	rm -f *.o *.d prog
-include $(wildcard *.d)
X
make -j2 -O prog | sort; ./prog 3; echo $?
touch -d '1 minute ago' *.o; touch f3.c; make -s -j2; make -q; echo $?; ./prog 4; echo $?
make -s -j2 static lib.so lib.a; ./static 5; echo $?; ar t lib.a; nm -D lib.so | grep -c ' T '; objdump -d prog | grep -c '<f[1-6]>:'; readelf -h prog | grep Type; strip static; ./static 6; file lib.so | cut -d, -f1,2
make clean; ls; make nothing; echo $?; printf 'a:\n\tfalse\n' > m.mk; make -f m.mk; echo $?
cat > t.cc <<'X'
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <regex>
#include <stdexcept>
#include <thread>
#include <vector>
thread_local int local = 5;
int main()
{
	std::atomic<int> n{0}; std::mutex m; std::map<int, int> seen; std::vector<std::thread> ts;
	for (int i = 0; i < 8; i++)
		ts.emplace_back([&, i] {
			for (int j = 0; j < 1000; j++) n++;
			try { local += i; throw std::runtime_error("x"); }
			catch (std::exception &) { std::lock_guard<std::mutex> l(m); seen[i] = local; }
		});
	for (auto &t : ts) t.join();
	for (auto [k, v] : seen) std::cout << k << '=' << v << ' ';
	auto f = std::async(std::launch::async, [] { return 6 * 7; });
	std::cout << n << ' ' << f.get() << ' ' << local << '\n';
	std::mutex mu; std::condition_variable cv; bool ready = false;
	std::thread w([&] { std::unique_lock<std::mutex> l(mu); cv.wait(l, [&] { return ready; }); std::cout << "woken\n"; });
	{ std::lock_guard<std::mutex> l(mu); ready = true; } cv.notify_one(); w.join();
	try { std::vector<int>().at(3); } catch (std::out_of_range &e) { std::cout << e.what() << '\n'; }
	std::cout << std::regex_match("glovebox", std::regex("g.*x")) << ' ' << std::filesystem::exists("t.cc") << '\n';
	try { throw 3; } catch (int i) { return i; }
}
X
g++ -O1 -std=c++17 -pthread -o t t.cc && ./t; echo $?
cat > abort.cc <<'X'
int main() { throw 1; }
X
g++ -o abort abort.cc; (ulimit -c 0; ./abort) 2>&1 | head -1; echo ${PIPESTATUS[0]}
printf 'int main(void) { return x; }\n' > bad.c; gcc bad.c; echo $?
printf 'int main(void) { volatile int *p = (int *)16; return *p; }\n' > segv.c; gcc -w -O0 -o segv segv.c; (ulimit -c 0; ./segv); echo $?
printf '#include <fenv.h>\n#include <stdio.h>\n#include <math.h>\nint main(void) { volatile double x = 1, z = 3; fesetround(FE_UPWARD); printf("%%.20g %%.20g\\n", x / z, sqrt(2)); return fetestexcept(FE_INEXACT) != 0; }\n' > fp.c; gcc -o fp fp.c -lm; ./fp; echo $?
