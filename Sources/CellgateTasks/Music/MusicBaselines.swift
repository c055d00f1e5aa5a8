import CellgateBasics
import CellgateData
import CellgateTraining

/// What is reached without a network: each key by how often it sounds, or by how often it does after it did or didn't in the frame
/// before.
struct MusicBaselines {
  let training: [PianoRoll]
  let test: [PianoRoll]

  /// The better of them on the test part, all frames but the first of each tune.
  var best: Baseline {
    // Data that a finished model is scored on come without those that it learned from.
    let known = training.isEmpty ? test : training
    let suffix = training.isEmpty ? " of these data" : ""
    let own = Baseline(nats(known, isMarkov: false), "key frequencies" + suffix)
    let repeated = Baseline(
      nats(known, isMarkov: true), "keys go on or begin as often as in the data" + suffix)
    return repeated.value < own.value ? repeated : own
  }

  /// Nats per frame; counts begin with one of either kind.
  private func nats(_ known: [PianoRoll], isMarkov: Bool) -> Double {
    let keys = Chord.piano
    // [key][did it sound][does it sound]
    var counts = keys.map { _ in [[1.0, 1.0], [1.0, 1.0]] }
    func visit(_ rolls: [PianoRoll], _ body: (Int, Int, Int) -> Void) {
      for roll in rolls {
        for (last, frame) in zip(roll.frames, roll.frames.dropFirst()) {
          for (place, key) in keys.enumerated() {
            body(place, isMarkov && last.contains(key) ? 1 : 0, frame.contains(key) ? 1 : 0)
          }
        }
      }
    }
    visit(known) { counts[$0][$1][$2] += 1 }
    let costs = counts.map { $0.map { pair in pair.map { -log($0 / (pair[0] + pair[1])) } } }
    var sum = 0.0
    visit(test) { sum += costs[$0][$1][$2] }
    return sum / Double(test.reduce(0) { $0 + $1.frames.count - 1 })
  }
}
