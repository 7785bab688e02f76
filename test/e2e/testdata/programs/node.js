// Worker threads, child processes, files, timers and pipes.
const { Worker, isMainThread, parentPort, workerData, threadId } = require('worker_threads');
const { execFileSync, spawn, spawnSync, fork, exec } = require('child_process');
const fs = require('fs'), os = require('os'), path = require('path'), net = require('net'), zlib = require('zlib'), crypto = require('crypto');
const { once } = require('events');
if (!isMainThread) {
  const { shared, n } = workerData;
  for (let i = 0; i < 10000; i++) Atomics.add(shared, 0, 1);
  Atomics.add(shared, 1, 1); Atomics.notify(shared, 1);
  parentPort.postMessage(n * n);
} else if (process.argv[2] === 'child') {
  process.on('message', m => { process.send(m.toUpperCase()); process.disconnect(); });
} else (async () => {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const ws = [1, 2, 3].map(n => new Worker(__filename, { workerData: { shared, n } }));
  const exits = ws.map(w => once(w, 'exit'));
  console.log(await Promise.all(ws.map(w => once(w, 'message').then(m => m[0]))));
  await Promise.all(exits); console.log(shared[0], shared[1]);
  console.log(execFileSync('sh', ['-c', 'echo child; exit 0']).toString());
  const s = spawnSync('sh', ['-c', 'cat; echo err >&2; exit 3'], { input: 'in' }); console.log(s.status, String(s.stdout), String(s.stderr));
  const c = spawn('cat'); c.stdin.end('x'.repeat(300000)); let len = 0; for await (const d of c.stdout) len += d.length; console.log(len);
  const k = spawn('sleep', ['60']); k.kill(); console.log(await once(k, 'exit'));
  const e = spawn('/no/such'); console.log((await once(e, 'error'))[0].code);
  const f = fork(__filename, ['child']); f.send('by ipc'); console.log((await once(f, 'message'))[0]); await once(f, 'exit');
  fs.mkdirSync('a/b/c', { recursive: true }); fs.writeFileSync('a/f', 'content'); fs.appendFileSync('a/f', ' more'); fs.copyFileSync('a/f', 'a/g'); fs.symlinkSync('f', 'a/l'); fs.renameSync('a/g', 'a/b/h');
  console.log(fs.readFileSync('a/l', 'utf8'), fs.readdirSync('a').sort(), fs.readlinkSync('a/l'), fs.statSync('a/f').size, fs.lstatSync('a/l').isSymbolicLink());
  console.log((await fs.promises.readFile('/etc/passwd')).length === fs.statSync('/etc/passwd').size, await fs.promises.access('/none').catch(e => e.code));
  await Promise.all([...Array(50).keys()].map(i => fs.promises.writeFile(`a/b/${i}`, String(i)))); console.log(fs.readdirSync('a/b').length, await fs.promises.readFile('a/b/49', 'utf8'));
  await require('stream/promises').pipeline(fs.createReadStream(process.execPath, { end: 5e6 }), zlib.createGzip({ level: 1 }), zlib.createGunzip(), fs.createWriteStream('copy')); console.log(fs.statSync('copy').size); fs.rmSync('a', { recursive: true }); console.log(fs.existsSync('a'));
  const srv = net.createServer(c => c.pipe(c)).listen('sock'); await once(srv, 'listening'); const cl = net.connect('sock'); cl.write('echo'); console.log(String((await once(cl, 'data'))[0])); cl.end(); srv.close();
  console.log(crypto.createHash('sha256').update('x').digest('hex'), (await new Promise(r => crypto.pbkdf2('p', 's', 1000, 20, 'sha1', (_, k) => r(k.toString('hex'))))), crypto.randomBytes(8).length);
  process.once('SIGUSR2', () => console.log('signal')); process.kill(process.pid, 'SIGUSR2'); await new Promise(r => setTimeout(r, 50));
  await new Promise(r => setImmediate(r)); await new Promise(r => process.nextTick(r)); console.log(os.cpus().length, os.platform(), os.userInfo().username, process.cwd() === process.env.PWD, process.memoryUsage().rss > 0, process.uptime() > 0);
  const w = new Worker('throw new Error("in worker")', { eval: true }); console.log((await once(w, 'error'))[0].message);
  console.log(await new Promise(r => exec('kill -9 $$', (e) => r(e.signal)))); process.on('exit', c => console.log('exit', c)); process.exitCode = 5;
})();
