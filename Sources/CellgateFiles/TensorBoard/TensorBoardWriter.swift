import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Writes scalars into an event file that TensorBoard reads: `events.out.tfevents.…` in a run's folder.
///
///     let events = try TensorBoardWriter(folder: "runs/adding", after: 0)
///     try events.write([("train/loss", 0.17)], step: 1)
///
/// An event file is a sequence of TFRecords (length, its masked CRC-32C, an `Event` message, its masked CRC-32C). Each
/// writer starts a file, which TensorBoard reads after the older ones in the folder and whose first entry says where
/// the run starts again: what the older files have from there on is not shown. An event is in the file when `write`
/// returns; one that could not be written whole is cut off again.
///
/// Source: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto
public final class TensorBoardWriter {
  /// The file's path.
  public let path: String
  private let file: OutputFile
  private var size = 0

  /// Starts a file for the steps after `step`; throws `cannotCreate` or `cannotWrite`.
  public init(folder: String, after step: Int, time: Double = Date().timeIntervalSince1970) throws(FileError)
  {
    // TensorBoard reads a folder's files by name, so a new one must come last, whatever the clock says.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let last = names.compactMap(Self.seconds).max() ?? 0
    path = folder + "/" + Self.name(max(Int(time), last + 1))
    file = try OutputFile(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL | O_APPEND)
    try append(TensorBoardEvent.fileVersion(time: time))
    try append(TensorBoardEvent.start(step: step + 1, time: time))
  }

  /// Writes values by tag, of one step; throws `cannotWrite`.
  public func write(
    _ scalars: [(tag: String, value: Double)], step: Int, time: Double = Date().timeIntervalSince1970
  ) throws(FileError) {
    try append(TensorBoardEvent.scalars(scalars, step: step, time: time))
  }

  private func append(_ event: [UInt8]) throws(FileError) {
    let record = TensorBoardEvent.record(event)
    do throws(FileError) {
      try file.write(record)
    } catch {
      try? file.truncate(to: size)
      throw error
    }
    size += record.count
  }

  private static let prefix = "events.out.tfevents.", suffix = ".cellgate"

  /// Ten digits, so that names sort as their times.
  private static func name(_ seconds: Int) -> String {
    let digits = String(seconds)
    return prefix + String(repeating: "0", count: max(0, 10 - digits.count)) + digits + suffix
  }

  /// The time in the name of an event file, ours or another program's.
  private static func seconds(_ name: String) -> Int? {
    guard name.hasPrefix(prefix) else { return nil }
    return Int(name.dropFirst(prefix.count).prefix(10).prefix { $0.isNumber })
  }
}
