# The machine, its compiler, threads.
cat > T.java <<'X'
import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.concurrent.atomic.*; import java.util.stream.*; import java.nio.channels.*; import java.nio.*;
public class T {
	static int sum; static synchronized void add(int n) { sum += n; }
	public static void main(String[] a) throws Exception {
		Thread[] ts = new Thread[8];
		for (int i = 0; i < ts.length; i++) { int n = i; ts[i] = new Thread(() -> { for (int j = 0; j < 1000; j++) add(n); }); ts[i].start(); }
		for (Thread t : ts) t.join();
		System.out.println(sum);
		ExecutorService e = Executors.newFixedThreadPool(4); List<Future<Integer>> fs = new ArrayList<>();
		for (int i = 0; i < 20; i++) { int n = i; fs.add(e.submit(() -> n * n)); }
		int s = 0; for (var f : fs) s += f.get(); e.shutdown(); System.out.println(s + " " + e.awaitTermination(9, TimeUnit.SECONDS));
		System.out.println(IntStream.range(0, 100000).parallel().filter(x -> x % 7 == 0).count());
		CountDownLatch l = new CountDownLatch(3); for (int i = 0; i < 3; i++) new Thread(l::countDown).start(); l.await();
		Files.writeString(Path.of("f"), "text\n"); System.out.print(Files.readString(Path.of("f")));
		try (FileChannel c = FileChannel.open(Path.of("m"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) { MappedByteBuffer m = c.map(FileChannel.MapMode.READ_WRITE, 0, 8192); m.put(5000, (byte) 'x'); m.force(); }
		System.out.println(Files.size(Path.of("m")) + " " + Files.readAllBytes(Path.of("m"))[5000]);
		Process p = new ProcessBuilder("sh", "-c", "cat; exit 3").start(); p.getOutputStream().write("child\n".getBytes()); p.getOutputStream().close(); System.out.print(new String(p.getInputStream().readAllBytes())); System.out.println(p.waitFor());
		try { int[] x = null; System.out.println(x[0]); } catch (NullPointerException x) { System.out.println("null"); }
		try { deep(0); } catch (StackOverflowError x) { System.out.println("overflow"); }
		try { Object[] all = new Object[1000]; for (int i = 0; ; i++) all[i] = new long[10 << 20]; } catch (OutOfMemoryError x) { System.out.println("memory"); }
		for (int i = 0; i < 200; i++) { byte[] b = new byte[1 << 20]; b[i] = 1; } System.gc(); System.out.println("collected");
		Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook"))); System.exit(4);
	}
	static int deep(int n) { return deep(n + 1) + 1; }
}
X
java -version 2>&1; javac T.java; echo $?; ls *.class
java -Xmx128m -cp . T; echo $?
java -Xint -Xmx64m -XX:+UseSerialGC -cp . None 2>&1 | head -1
