import CellgateBasics
import CellgateFiles
import LibFuzzer

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// `cellgate-fuzz READER CORPUS [OPTION…]`: gives a reader of files bytes that libFuzzer makes, by what each new one reaches
/// in the program. Whatever they are, the reader must return or throw.
///
/// It is built by `make fuzz`, with `CELLGATE_FUZZ=1` and `-sanitize=fuzzer`. The options are libFuzzer's, such as `-runs=100000` and
/// `-max_total_time=60`.
@main
enum Fuzz {
  /// The reader that is given the bytes.
  nonisolated(unsafe) private static var reader = Readers.all[0]
  /// The file in which readers of files get them.
  nonisolated(unsafe) private static var path = ""

  static func main() {
    let names = Readers.all.map(\.name)
    guard CommandLine.arguments.count > 1,
      let chosen = Readers.all.first(where: { $0.name == CommandLine.arguments[1] })
    else {
      print("cellgate-fuzz: expected one of \(names.joined(separator: ", "))")
      exit(64)
    }
    unsafe reader = chosen
    writeSeeds()
    unsafe path = (Paths.isFolder("/dev/shm") ? "/dev/shm" : "/tmp") + "/cellgate-fuzz-\(getpid())"
    // libFuzzer reads its options from the second argument on.
    var count = CommandLine.argc - 1
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv + 1
    let status = unsafe LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
      Fuzz.read(unsafe Array(UnsafeBufferPointer(start: bytes, count: count)))
      return 0
    }
    _ = unsafe unlink(path)
    exit(status)
  }

  /// Puts the reader's own files into the folder of inputs, the first argument after its name.
  private static func writeSeeds() {
    guard CommandLine.arguments.count > 2, Paths.isFolder(CommandLine.arguments[2]) else { return }
    for (number, seed) in unsafe Seeds.seeds(of: reader.name).enumerated() {
      try? AtomicFile.write(Data(seed), to: CommandLine.arguments[2] + "/seed-\(number)")
    }
  }

  private static func read(_ bytes: [UInt8]) {
    do {
      switch unsafe reader.read {
      case .bytes(let read): try read(bytes)
      case .file(let read):
        let file = unsafe try OutputFile(opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC)
        try file.write(bytes)
        try file.close()
        unsafe try read(path)
      }
    } catch {
      // One line, whatever the bytes are.
      let text = "\(error)"
      require(!text.contains(where: \.isNewline), "expected an error of one line, found \(text)")
    }
  }
}
