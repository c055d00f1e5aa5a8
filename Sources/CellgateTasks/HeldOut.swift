import CellgateTensor

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
