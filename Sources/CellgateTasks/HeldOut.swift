import CellgateTensor
import CellgateTraining

/// Which of some examples are held out for validation and for the test, the same for every seed.
struct HeldOut {
  /// The places of each part, in increasing order.
  let training: [Int], validation: [Int], test: [Int]

  /// Shares of `count` examples, in percent, each of one or more; some are left for training. `stream` names the random numbers.
  init(of count: Int, validation: Int, test: Int, stream name: String) {
    var places = Array(0..<count)
    var stream = RandomStream(seed: 0, name: name)
    stream.shuffle(&places)
    func held(_ percent: Int) -> Int {
      percent == 0 ? 0 : min(max((count * percent + 50) / 100, 1), max(0, (count - 1) / 2))
    }
    let (first, second) = (held(validation), held(test))
    training = places[(first + second)...].sorted()
    self.validation = places[..<first].sorted()
    self.test = places[first..<first + second].sorted()
  }
}

extension TrainingSettings {
  /// That the shares of validation and test, in percent, leave nothing to train on; none where they leave something.
  func shareProblems(_ validation: TaskOption, _ test: TaskOption) -> [SettingsError] {
    let (first, second) = (optionalWhole(validation) ?? 0, optionalWhole(test) ?? 0)
    guard first + second >= 100 else { return [] }
    return [
      .outOfRange(
        option: validation.name, expected: "less than 100 together with \(test.name)",
        found: "\(first) and \(second)")
    ]
  }
}
