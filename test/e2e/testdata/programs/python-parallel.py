"""threading, multiprocessing, asyncio, sqlite3 of several processes."""
import asyncio, concurrent.futures as cf, multiprocessing as mp, multiprocessing.shared_memory as shm, os, queue, signal, sqlite3, sys, threading, time

def square(x): return x * x
def put(q, n): [q.put((n, i)) for i in range(50)]
def scribble(name): s = shm.SharedMemory(name); s.buf[:5] = b"other"; s.close()
def insert(n):
    db = sqlite3.connect("db", timeout=60)
    for i in range(20):
        with db: db.execute("insert into t values (?, ?)", (n, i))
    db.close()
def locked(l, v):
    for _ in range(200):
        with l: v.value += 1

async def sleeper(n): await asyncio.sleep(0.01 * n); return n
async def main():
    print(await asyncio.gather(*map(sleeper, (3, 1, 2))))
    p = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1); print(await p.communicate(b"through cat")); print(p.returncode)
    ps = await asyncio.gather(*(asyncio.create_subprocess_shell(f"exit {i}") for i in range(5))); print([await p.wait() for p in ps])
    r, w = os.pipe(); loop = asyncio.get_running_loop(); got = loop.create_future(); loop.add_reader(r, lambda: got.set_result(os.read(r, 9))); os.write(w, b"pipe"); print(await got); loop.remove_reader(r)
    f = loop.create_future(); loop.add_signal_handler(signal.SIGUSR1, f.set_result, "signal"); os.kill(os.getpid(), signal.SIGUSR1); print(await f)
    async def serve(r, w): w.write((await r.readline()).upper()); await w.drain(); w.close()
    s = await asyncio.start_unix_server(serve, "sock"); r, w = await asyncio.open_unix_connection("sock"); w.write(b"unix\n"); print(await r.read()); w.close(); s.close()
    try: await asyncio.wait_for(asyncio.sleep(9), 0.02)
    except asyncio.TimeoutError: print("timeout")
    print(await loop.run_in_executor(None, square, 7))

if __name__ == "__main__":
    n, l = [0], threading.Lock()
    def add():
        for _ in range(2000):
            with l: n[0] += 1
    ts = [threading.Thread(target=add) for _ in range(8)]; [t.start() for t in ts]; [t.join() for t in ts]; print(n)
    c, q = threading.Condition(), queue.Queue(5); t = threading.Thread(target=lambda: [q.put(i) for i in range(100)]); t.start(); print(sum(q.get() for _ in range(100))); t.join()
    e = threading.Event(); print(e.wait(0.01)); threading.Timer(0.01, e.set).start(); print(e.wait(10)); b = threading.Barrier(3); ts = [threading.Thread(target=b.wait) for _ in range(2)]; [t.start() for t in ts]; b.wait(); [t.join() for t in ts]; print("barrier")
    with cf.ThreadPoolExecutor(4) as x: print(sum(x.map(square, range(100))))
    for how in ("fork", "spawn", "forkserver"):
        m = mp.get_context(how)
        with m.Pool(3) as pool: print(how, pool.map(square, range(10)), pool.apply_async(square, (5,)).get(60))
    with cf.ProcessPoolExecutor(2) as x: print(list(x.map(square, range(5))))
    q = mp.Queue(); ps = [mp.Process(target=put, args=(q, i)) for i in range(3)]; [p.start() for p in ps]; print(len({q.get(timeout=60) for _ in range(150)})); [p.join() for p in ps]; print([p.exitcode for p in ps])
    s = shm.SharedMemory(create=True, size=100); p = mp.Process(target=scribble, args=(s.name,)); p.start(); p.join(); print(bytes(s.buf[:5])); s.close(); s.unlink()
    v, ml = mp.Value("i", 0), mp.Lock(); ps = [mp.Process(target=locked, args=(ml, v)) for _ in range(3)]; [p.start() for p in ps]; [p.join() for p in ps]; print(v.value)
    a, b = mp.Pipe(); a.send({"x": [1, 2]}); print(b.recv(), a.poll(0)); sem = mp.Semaphore(2); print(sem.acquire(), sem.acquire(), sem.acquire(timeout=0.01))
    mgr = mp.Manager(); d = mgr.dict(); d["k"] = 1; print(dict(d)); mgr.shutdown()
    asyncio.run(main())
    db = sqlite3.connect("db"); print(db.execute("pragma journal_mode=wal").fetchone()); db.execute("create table t (n, i)"); db.commit()
    ps = [mp.Process(target=insert, args=(i,)) for i in range(3)]; [p.start() for p in ps]; [p.join() for p in ps]; print([p.exitcode for p in ps], db.execute("select count(*), sum(i) from t").fetchone(), db.execute("pragma integrity_check").fetchone(), sorted(os.listdir(".")))
    db.execute("pragma wal_checkpoint(truncate)"); print(os.path.getsize("db-wal"), os.path.getsize("db") > 0); db.close(); print(os.path.exists("db-wal"))
    with sqlite3.connect("db") as db: db.execute("pragma journal_mode=delete"); db.execute("create index x on t (i)"); print(db.execute("select i, count(*) from t group by i order by i limit 3").fetchall())
