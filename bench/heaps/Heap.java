// SPDX-License-Identifier: Apache-2.0
//
// A java process with a real heap: the JDK's own classes, their bytes and an index of the words in them, until it holds as
// much as asked. Says "ready" and waits for its end.
//   java Heap.java MIB
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

public class Heap {
  record Entry(String name, byte[] bytes, Map<String, List<Integer>> words) {}

  public static void main(String[] args) throws Exception {
    long target = Long.parseLong(args[0]) << 20;
    List<Entry> entries = new ArrayList<>();
    Path modules = FileSystems.getFileSystem(URI.create("jrt:/")).getPath("/modules");
    try (Stream<Path> files = Files.walk(modules)) {
      for (Iterator<Path> i = files.filter(f -> f.toString().endsWith(".class")).iterator(); i.hasNext() && used() < target; ) {
        Path file = i.next();
        byte[] bytes = Files.readAllBytes(file);
        entries.add(new Entry(file.toString(), bytes, index(bytes)));
      }
    }
    System.out.println("ready");
    while (System.in.read() >= 0) {
    }
    System.exit(entries.isEmpty() ? 1 : 0);
  }

  static long used() {
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  static Map<String, List<Integer>> index(byte[] bytes) {
    Map<String, List<Integer>> words = new HashMap<>();
    int start = 0;
    for (int at = 0; at <= bytes.length; at++) {
      if (at < bytes.length && Character.isLetterOrDigit(bytes[at])) continue;
      if (at - start > 4) {
        String word = new String(bytes, start, at - start, StandardCharsets.ISO_8859_1);
        words.computeIfAbsent(word, key -> new ArrayList<>(2)).add(start);
      }
      start = at + 1;
    }
    return words;
  }
}
