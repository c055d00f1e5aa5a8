import CellgateBasics
import CellgateFiles
import CellgateNN

/// The folder of one training run, held against other processes as long as this object lives.
///
///     config.json                     the settings: what is needed to make the run again
///     metrics.csv                     a row for each evaluation
///     model.safetensors               the best model, with what is needed to build it in its metadata
///     checkpoint-000200.safetensors   what is needed to continue from step 200; the newest two are kept
///     result.json                     what came out, once the run is complete
///     diverged.json                   where a number became NaN or infinite, if one did
///     diagnostics.csv                 with diagnostics: memory and saturation of the layers at some updates
///     gradients.csv                   with diagnostics: the gradients of their states by time
///     diagnostics-….svg               with diagnostics: figures of both
///     events.out.tfevents.…           scalars for TensorBoard, when asked for
///
/// Files are replaced whole or not at all, and read back before they take the place of another, but for those that
/// grow: CSV files get a row after another, and TensorBoard's file an event. What a kill leaves of the last row, and
/// the rows after the checkpoint, a resumed run cuts off.
public final class RunDirectory {
  /// The folder's path.
  public let path: String
  /// What the run goes on with.
  public let settings: TrainingSettings
  /// What its `config.json` has, which differs when the run is to be made longer.
  let made: TrainingSettings
  /// One line that says so when the file system has no locks: nothing holds the folder then.
  public var lockWarning: String? { lock.warning }
  private let lock: FolderLock

  /// The path of `config.json`.
  public var configFile: String { Self.configFile(path) }
  /// The path of `metrics.csv`.
  public var metricsFile: String { path + "/metrics.csv" }
  /// The path of `model.safetensors`.
  public var modelFile: String { Self.modelFile(path) }
  /// The path of the checkpoint of `step`.
  public func checkpointFile(step: Int) -> String {
    let digits = String(step)
    let zeros = String(repeating: "0", count: max(0, 6 - digits.count))
    return path + "/\(Self.checkpointPrefix)\(zeros)\(digits)\(Self.checkpointSuffix)"
  }
  /// The path of `result.json`.
  public var resultFile: String { path + "/result.json" }

  /// Starts a run in a new or empty folder, whose parent must exist; throws `exists`, `parentMissing`,
  /// `cannotCreate`, `inUse` or `file`.
  public init(creating path: String, settings: TrainingSettings) throws(RunError) {
    try FolderLock.makeFolder(path)
    lock = try FolderLock(path)
    self.path = path
    self.settings = settings
    made = settings
    // Between looking and locking another process may have started a run here.
    guard !Self.exists(configFile) else { throw .exists(folder: path) }
    do throws(FileError) {
      try AtomicFile.write(settings.encoded(), to: configFile)
    } catch { throw .file(error) }
  }

  /// Opens a run to continue it, with the settings that it was made with or else exactly `expected`; throws
  /// `notARun`, `inUse`, `cannotCreate`, `badConfig` or `otherSettings`.
  public init(resuming path: String, expecting expected: TrainingSettings? = nil) throws(RunError) {
    let made = try Self.settings(of: path)
    lock = try FolderLock(path)
    self.path = path
    self.made = made
    settings = made
    if let expected, let (name, own, other) = made.firstDifference(from: expected) {
      throw .otherSettings(folder: path, setting: name, expected: own, found: other)
    }
  }

  /// Opens a run to continue it with `settings`, whose `steps`, `epochs` or `patience` may be larger than those that it
  /// was made with: `config.json` then changes when a `Trainer` has found that the run can go on. Throws what
  /// `init(resuming:expecting:)` does.
  public init(extending path: String, to settings: TrainingSettings) throws(RunError) {
    made = try Self.settings(of: path)
    lock = try FolderLock(path)
    self.path = path
    self.settings = settings
    if case .other(let name, let own, let other) = made.continued(with: settings) {
      throw .otherSettings(folder: path, setting: name, expected: own, found: other)
    }
  }

  /// Throws `otherModel` when a checkpoint or the best model is whole and of another model than `identity`, which then need
  /// not be built.
  func check(_ identity: RunIdentity) throws(RunError) {
    for file in try checkpointFiles() + [modelFile] {
      guard Self.exists(file), let saved = try? Safetensors(path: file) else { continue }
      do throws(RunError) {
        try identity.check(saved.metadata, file: file, resuming: true)
      } catch {
        // What a damaged file says is reported later, where another one takes its place.
        guard case .otherModel = error, (try? saved.verifyChecksum()) != nil else { continue }
        throw error
      }
    }
  }

  /// Gives the run its new settings. Killed in between it is one that was stopped at its end, or has its new length.
  func extend() throws(RunError) {
    if Self.exists(resultFile) { try remove(resultFile) }
    guard settings != made else { return }
    do throws(FileError) {
      try AtomicFile.write(settings.encoded(), to: configFile)
    } catch { throw .file(error) }
  }

  /// The settings of the run in a folder, without opening it; throws `notARun` or `badConfig`.
  public static func settings(of path: String) throws(RunError) -> TrainingSettings {
    let file = configFile(path)
    guard exists(file) else { throw .notARun(folder: path) }
    return try TrainingSettings(decoding: read(file), file: file)
  }

  /// The result, when the run is complete; throws `badConfig` or `file`.
  public func result() throws(RunError) -> TrainingResult? {
    try Self.result(of: path)
  }

  /// The result of the run in a folder, without opening it, when the run is complete; throws `badConfig` or `file`.
  package static func result(of path: String) throws(RunError) -> TrainingResult? {
    let file = path + "/result.json"
    guard exists(file) else { return nil }
    return try TrainingResult(decoding: read(file), file: file)
  }

  private static let checkpointPrefix = "checkpoint-", checkpointSuffix = ".safetensors"

  /// The paths of the checkpoints there are, the newest first; the one without a step in its name, of older versions,
  /// comes last.
  func checkpointFiles() throws(RunError) -> [String] {
    var found: [(step: Int, name: String)] = []
    for name in try names() {
      if name == "checkpoint.safetensors" { found.append((-1, name)) }
      guard name.hasPrefix(Self.checkpointPrefix), name.hasSuffix(Self.checkpointSuffix) else { continue }
      let digits = name.dropFirst(Self.checkpointPrefix.count).dropLast(Self.checkpointSuffix.count)
      if let step = Int(digits), step >= 0 { found.append((step, name)) }
    }
    return found.sorted { ($0.step, $0.name) > ($1.step, $1.name) }.map { path + "/" + $0.name }
  }

  /// Removes the temporary files that killed writes left.
  func removeTemporaries() throws(RunError) {
    do throws(FileError) { try AtomicFile.removeLeftovers(in: path) } catch { throw .file(error) }
  }

  /// Removes a file; throws `file`.
  func remove(_ file: String) throws(RunError) {
    do throws(FileError) { try AtomicFile.remove(file) } catch { throw .file(error) }
  }

  private func names() throws(RunError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw .file(.cannotOpen(file: path, reason: "cannot be listed"))
    }
  }

  /// Writes `result.json`.
  func write(_ result: TrainingResult) throws(RunError) {
    do throws(FileError) { try AtomicFile.write(result.encoded(), to: resultFile) } catch {
      throw .file(error)
    }
  }

  /// Where the run in a folder diverged, when it did; throws `badConfig` or `file`.
  package static func divergence(of path: String) throws(RunError) -> Divergence? {
    let file = divergenceFile(path)
    guard exists(file) else { return nil }
    return try Divergence(decoding: read(file), file: file)
  }

  /// Writes `diverged.json`. The divergence itself ends the run; that its file can't be written must not hide it.
  func note(_ divergence: Divergence) {
    guard let data = ConfigFile.encodeIfFinite(divergence) else { return }
    try? AtomicFile.write(data, to: Self.divergenceFile(path))
  }

  package static func divergenceFile(_ path: String) -> String { path + "/diverged.json" }

  /// The path of `diagnostics.csv`.
  var diagnosticsFile: String { Self.diagnosticsFile(path) }
  /// The path of `gradients.csv`.
  var gradientsFile: String { Self.gradientsFile(path) }

  package static func diagnosticsFile(_ path: String) -> String { path + "/diagnostics.csv" }
  package static func gradientsFile(_ path: String) -> String { path + "/gradients.csv" }
  package static func configFile(_ path: String) -> String { path + "/config.json" }
  package static func modelFile(_ path: String) -> String { path + "/model.safetensors" }
  package static func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: file) }

  /// The most bytes of a JSON file: 64 MiB.
  static let mostBytes = 1 << 26

  /// The bytes of a JSON file; throws `file`, or `badConfig` for one of more bytes than any run writes.
  package static func read(_ file: String) throws(RunError) -> Data {
    let input: InputFile
    do throws(FileError) { input = try InputFile(file) } catch { throw .file(error) }
    guard input.size <= mostBytes else {
      throw .badConfig(file: file, reason: "expected at most \(mostBytes) bytes, found \(input.size)")
    }
    do throws(FileError) { return Data(try input.readAll()) } catch { throw .file(error) }
  }
}
