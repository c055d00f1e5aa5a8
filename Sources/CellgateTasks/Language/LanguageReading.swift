import CellgateData
import CellgateNN
import CellgateTensor

/// Reads a long stream of symbols with a language model, in lanes side by side, so that each symbol but the first is predicted once.
///
/// Each lane but the first begins `warmUp` symbols before the first one that it predicts, with the states after the stream's first
/// `warmUp`: what came even before is not remembered. Zeros in the middle of a text are not what a model was trained for: some
/// never recover from them.
struct LanguageReading {
  let model: LanguageModel
  let stream: SymbolSequence
  /// How many lanes there are; nil for up to 64 of 5,000 symbols or more.
  var lanes: Int?
  /// Symbols that a lane reads before the first one that it predicts.
  var warmUp = usualWarmUp
  /// Steps at once.
  var chunk = usualChunk
  var context = ForwardContext.inference()

  /// Lanes are usually at most so many, and at least so long.
  private static let mostLanes = 64, leastLane = 5000
  static let usualWarmUp = 500, usualChunk = 100
  /// The most logits at once of words and pieces.
  private static let mostLogits = 1 << 25

  /// Steps at once for so many lanes of symbols.
  static func chunk(for tokenizer: TextTokenizer) -> Int {
    tokenizer.unit == .characters
      ? usualChunk : max(1, min(usualChunk, mostLogits / (mostLanes * max(1, tokenizer.count))))
  }

  /// Some steps of all lanes.
  struct Piece {
    /// What the model makes of them, `[T, B, …]`.
    let reading: LanguageModel.Reading
    /// The symbol after each, row by row; 0 outside of the text.
    let classes: [Int32]
    /// Whether a place is one of the text.
    let isInside: [Bool]
    /// Whether the symbol after a place is predicted there, and not in another lane.
    let isScored: [Bool]

    /// 1 for each scored place.
    var mask: [Float] { isScored.map { $0 ? 1 : 0 } }
  }

  /// How many lanes there are.
  var laneCount: Int { lanes ?? max(1, min(Self.mostLanes, (stream.count - 1) / Self.leastLane)) }

  /// Calls `body` with piece after piece, until it returns false or the context is to stop.
  func forEachPiece(_ body: (Piece) throws -> Bool) rethrows {
    let count = stream.count - 1, lanes = laneCount
    // Lane i predicts the symbols firsts[i] ..< firsts[i + 1], and reads those from starts[i] on.
    let firsts = (0...lanes).map { 1 + $0 * count / lanes }
    let starts = (0..<lanes).map { max(0, firsts[$0] - 1 - warmUp) }
    let steps: Int = zip(firsts.dropFirst(), starts).map { $0 - 1 - $1 }.max() ?? 0
    var states = states(starts)
    for begin in stride(from: 0, to: steps, by: chunk) where !context.shouldStop {
      let length = min(chunk, steps - begin)
      var (inputs, classes): ([Int32], [Int32]) = ([], [])
      var (isInside, isScored): ([Bool], [Bool]) = ([], [])
      for step in begin..<(begin + length) {
        for lane in 0..<lanes {
          let place = starts[lane] + step
          let isOwn = place + 1 < firsts[lane + 1]
          inputs.append(isOwn ? stream[place] : 0)
          classes.append(isOwn ? stream[place + 1] : 0)
          isInside.append(isOwn)
          isScored.append(isOwn && place + 1 >= firsts[lane])
        }
      }
      let reading = model.read(inputs, steps: length, batch: lanes, states: states, context: context)
      states = reading.states
      guard
        try body(Piece(reading: reading, classes: classes, isInside: isInside, isScored: isScored))
      else { return }
    }
  }

  /// The states of lanes that begin at these places: zeros at the stream's beginning, elsewhere those that its first
  /// `warmUp` symbols leave.
  private func states(_ starts: [Int]) -> [Tensor]? {
    guard warmUp > 0, starts.contains(where: { $0 > 0 }) else { return nil }
    let first = model(Array(stream.prefix(warmUp)), steps: warmUp, batch: 1, context: context)
    return first.states.map { state in
      let (layers, hidden, values) = (state.shape[0], state.shape[2], state.scalars)
      let zeros = [Float](repeating: 0, count: hidden)
      var lanes: [Float] = []
      for layer in 0..<layers {
        let own = values[layer * hidden..<(layer + 1) * hidden]
        for start in starts { lanes += start > 0 ? own : zeros[...] }
      }
      return Tensor(lanes, shape: [layers, starts.count, hidden])
    }
  }
}
