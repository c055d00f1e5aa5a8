import CellgateBasics
import CellgateCells
import CellgateFiles
import CellgateNN

/// What makes a model the one that it is: its settings, its cell's equations, what its task adds (such as a vocabulary)
/// and the data that it learns from.
///
/// Models and checkpoints record it, and it is compared before their numbers are scored or trained on. What a file of
/// an older version doesn't record is not compared.
package struct RunIdentity {
  /// What the run is made with.
  package let settings: TrainingSettings
  /// The SHA-256 digest of the cell's canonical text.
  package let equations: String
  /// The cell as text.
  package let cellText: String
  /// What the task adds, by name.
  package let own: [String: String]
  /// A checksum of the data that the run learns from; nil where they are made and not read.
  package let data: String?
  /// The model as data, for its file; nil of a model that is no graph of layers.
  package var modelDescription: ModelDescription?

  private static let settingsKey = "settings", equationsKey = "cell_sha256", textKey = "cell_text",
    dataKey = "training_data"

  /// What a file records of it besides the task's own.
  static let keys = [settingsKey, equationsKey, textKey, dataKey]

  /// The identity of a model of `settings`; without a task, of what is known without data.
  package init(settings: TrainingSettings, cell: Cell, task: (any SequenceTask)? = nil) {
    self.settings = settings
    equations = SHA256.hex(Array(cell.canonicalText.utf8))
    cellText = cell.text
    own = task?.modelMetadata ?? [:]
    data = task.flatMap { Self.checksum($0) }
  }

  private static func checksum(_ task: some SequenceTask) -> String? { task.batches.checksum }

  /// What a file records.
  package var metadata: [String: String] {
    var metadata = own
    metadata[Self.settingsKey] = String(decoding: settings.encoded(), as: UTF8.self)
    metadata[Self.equationsKey] = equations
    metadata[Self.textKey] = cellText
    metadata[Self.dataKey] = data
    return metadata
  }

  /// The settings that a file records; nil when it has none. Throws `badConfig`.
  package static func settings(in metadata: [String: String], file: String) throws(RunError)
    -> TrainingSettings?
  {
    guard let text = metadata[settingsKey] else { return nil }
    return try TrainingSettings(decoding: Data(text.utf8), file: file)
  }

  /// Throws `otherModel` for the first difference from what a file records. How long the run is to be is no part of a
  /// model's identity, nor where a file of the user's own lies; the data are part of it when the run is to learn on (`resuming`).
  package func check(_ metadata: [String: String], file: String, resuming: Bool) throws(RunError) {
    if let recorded = try Self.settings(in: metadata, file: file),
      let (name, expected, found) = recorded.modelDifference(from: settings)
    {
      throw .otherModel(file: file, name: name, expected: expected, place: "config.json", found: found)
    }
    if let recorded = metadata[Self.equationsKey], recorded != equations {
      throw .otherModel(
        file: file, name: "equations of the cell \(settings.cell)", expected: "SHA-256 \(recorded)",
        place: "this program", found: equations)
    }
    for (name, value) in own.sorted(by: { $0.key < $1.key }) {
      guard let recorded = metadata[name], recorded != value else { continue }
      let (expected, found) = TextDifference.shortened(recorded, value)
      throw .otherModel(file: file, name: name, expected: expected, place: "the data", found: found)
    }
    if resuming, let data, let recorded = metadata[Self.dataKey], recorded != data {
      throw .otherModel(
        file: file, name: "training data", expected: recorded, place: "the data directory", found: data)
    }
  }
}
