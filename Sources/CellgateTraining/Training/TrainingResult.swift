import CellgateBasics

/// What came out of a complete run: its `result.json`, with keys in snake case.
public struct TrainingResult: Codable, Equatable, Sendable {
  /// The task's name.
  public var task: String
  /// The cell's name.
  public var cell: String
  /// The seed.
  public var seed: UInt64
  /// Hidden units.
  public var hidden: Int
  /// Numbers that were learned, in all of the model.
  public var parameters: Int
  /// The metric's name.
  public var metric: String
  /// The best model's metric on the test data.
  public var value: Double
  /// The extra metrics on the test data, by name.
  public var extras: [String: Double]
  /// The best model's metric on the validation data.
  public var validationValue: Double
  /// The metric by which the best model was chosen, and its value on the validation data; nil where that is `metric`.
  public var selection: String?, selectionValue: Double?
  /// The step of the best model.
  public var bestStep: Int
  /// The first evaluation at which the task was solved; nil when it never was.
  public var solvedAtStep: Int?
  /// Updates made.
  public var steps: Int
  /// The metric's value without learning.
  public var baseline: Double
  /// Seconds in all, interruptions not counted.
  public var seconds: Double
  /// Milliseconds per update, evaluations not counted.
  public var msPerStep: Double
}

extension TrainingResult {
  /// As the bytes of `result.json`.
  func encoded() -> Data { ConfigFile.encode(self) }

  init(decoding data: Data, file: String) throws(RunError) {
    self = try ConfigFile.decode(Self.self, data, file: file)
    try ConfigFile.check(
      [
        ("hidden", hidden, 1...Int.max), ("parameters", parameters, 1...Int.max),
        ("steps", steps, 1...TrainingSettings.mostSteps), ("best_step", bestStep, 1...max(1, steps)),
        ("solved_at_step", solvedAtStep, 1...max(1, steps)),
      ], file: file)
  }
}
