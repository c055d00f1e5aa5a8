/// The best value of a record so far.
struct Best {
  /// The name of the value that is compared, such as "val_loss".
  let monitor: String
  /// By how much a value must be better to count.
  let minimumDelta: Double
  /// The best value, and the updates made before it; nil before the first.
  private(set) var found: (step: Int, value: Double)?

  init(_ monitor: String, minimumDelta: Double = 0) {
    self.monitor = monitor
    self.minimumDelta = minimumDelta
  }

  /// Whether the record's value is better than all before; NaN never is. Throws `settings` when the record has no such
  /// value.
  mutating func take(_ record: TrainingRecord) throws(TrainingError) -> Bool {
    let new = try record.required(monitor)
    if let old = found?.value {
      let bound = new.metric.direction == .lower ? old - minimumDelta : old + minimumDelta
      guard new.metric.isBetter(new.value, than: bound) else { return false }
    } else if new.value.isNaN {
      return false
    }
    found = (record.step, new.value)
    return true
  }
}
