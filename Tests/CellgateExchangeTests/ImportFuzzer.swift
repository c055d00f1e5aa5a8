import CellgateExchange
import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

/// Reads files with random damage: each must end in a model or in an `ImportError`, soon.
struct ImportFuzzer {
  /// `$CELLGATE_FUZZ_ROUNDS`, or as many as CI has the time for.
  static let rounds = ProcessInfo.processInfo.environment["CELLGATE_FUZZ_ROUNDS"].flatMap(Int.init) ?? 10_000
  /// `$CELLGATE_FUZZ_SEED`, or always the same.
  static let seed = ProcessInfo.processInfo.environment["CELLGATE_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
  /// The longest that a round may take: a debug build on a busy machine is some ten times slower than a release one.
  static let longest = Duration.seconds(5)

  /// Damages files in turn, `rounds` times in all, and reads them. Of a zip file every second round damages the bytes of an
  /// entry and not those of the archive, whose checksums would end most rounds.
  static func run(_ files: [String], rounds: Int = rounds, options: ImportOptions = ImportOptions()) throws {
    // In memory where the system has such files: ten thousand on a busy disk take minutes.
    let memory = FileManager.default.isWritableFile(atPath: "/dev/shm")
    let folder = memory ? URL(fileURLWithPath: "/dev/shm") : FileManager.default.temporaryDirectory
    let path = folder.appendingPathComponent("cellgate-fuzz-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let originals = try files.map { try [UInt8](Data(contentsOf: URL(fileURLWithPath: $0))) }
    let archives = originals.map { try? ZipArchive(data: $0, file: "original") }
    var random = SplitMix(state: seed)
    var (reads, refusals) = (0, 0)
    for round in 0..<rounds {
      let place = round % files.count
      var bytes: [UInt8]
      if let archive = archives[place], Bool.random(using: &random) {
        bytes = try damaged(archive, &random)
      } else {
        bytes = originals[place]
        damage(&bytes, &random)
      }
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      let start = ContinuousClock.now
      do throws(ImportError) {
        let imported = try ModelImporter.read(path, options: options)
        if imported.description != nil { _ = try imported.makeModel() }
        reads += 1
      } catch {
        #expect(!"\(error)".contains("\n"))
        refusals += 1
      }
      let time = ContinuousClock.now - start
      #expect(time < longest, "round \(round) of seed \(seed), \(files[place]): \(time)")
    }
    // Damage that nothing notices, or that nothing survives, would test nothing.
    #expect(refusals > rounds / 10)
    #expect(reads > rounds / 1000)
  }

  /// The archive with one entry damaged and all checksums right.
  private static func damaged(_ archive: ZipArchive, _ random: inout SplitMix) throws -> [UInt8] {
    let victim = Int.random(in: 0..<archive.entries.count, using: &random)
    // The pickle or description is what is worth most.
    let first = archive.entries.firstIndex { $0.name?.hasSuffix("data.pkl") == true } ?? victim
    let chosen = Bool.random(using: &random) ? first : victim
    var writer = ZipArchive.Writer()
    for (place, entry) in archive.entries.enumerated() {
      var content = try archive.bytes(of: entry, acceptsNoChecksum: true)
      if place == chosen { damage(&content, &random) }
      writer.add(entry.name ?? "entry", bytes: content, isCompressed: Bool.random(using: &random))
    }
    return [UInt8](writer.encode())
  }

  /// One to four changes: bytes set, a number of 2, 4 or 8 bytes set, a part left out, doubled or moved, the end cut off.
  static func damage(_ bytes: inout [UInt8], _ random: inout SplitMix) {
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      guard !bytes.isEmpty else { return }
      let place = Int.random(in: 0..<bytes.count, using: &random)
      let length = min(bytes.count - place, Int.random(in: 1...32, using: &random))
      switch Int.random(in: 0..<9, using: &random) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 2: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
      case 3, 4:
        let numbers: [UInt64] = [
          0, 1, .max, 1 << 31, 1 << 32, 1 << 62, 1 << 63, .max >> 1, UInt64(bytes.count),
        ]
        let number = numbers.randomElement(using: &random) ?? 0
        let size = [2, 4, 8].randomElement(using: &random) ?? 2
        for index in 0..<min(size, bytes.count - place) {
          bytes[place + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index)))
        }
      case 5: bytes.removeSubrange(place..<place + length)
      case 6: bytes.insert(contentsOf: Array(bytes[place..<place + length]), at: place)
      case 7:
        let part = Array(bytes[place..<place + length])
        bytes.removeSubrange(place..<place + length)
        bytes.insert(contentsOf: part, at: Int.random(in: 0...bytes.count, using: &random))
      default:
        if Int.random(in: 0..<4, using: &random) == 0 { bytes.removeSubrange(place...) }
      }
    }
  }
}
