import Cellgate

/// Writes a text with a language model: takes the symbols of the prompt, then those that it draws.
///
/// What could be the beginning of a stop sequence is held back until it is none.
struct GenerationDriver: StepDriver {
  /// Why a text ended.
  enum Ending: String, Sendable { case stop, length }

  /// A piece of text, and the gates where they are watched.
  typealias OnToken = @Sendable (_ text: String, _ gates: JSONTree?) -> Void

  var watches: Bool { gates != nil }

  private var sampler: TextSampler
  private var pending: ArraySlice<Int32>
  private let most: Int
  private let stops: [[Unicode.Scalar]]
  private let onToken: OnToken?
  private let gates: GateReader?
  /// What this step added to the text.
  private var piece = ""
  /// The last symbol that was drawn, which the session has not taken yet; nil for none.
  private(set) var last: Int32?
  /// Characters that may yet be part of a stop sequence.
  private var held: [Unicode.Scalar] = []
  /// The text so far, without what is held.
  private(set) var text = ""
  /// Symbols that were drawn.
  private(set) var count = 0
  /// Why it ended; nil until it does.
  private(set) var ending: Ending?

  /// A text of at most `most` symbols after a prompt, up to any of `stops`, which are no part of it. `onToken` is called at each symbol that
  /// was drawn, with what it adds for certain, and with what `gates` did. The last symbol drawn is not taken: it is
  /// `last`.
  init(
    _ tokenizer: TextTokenizer, after prompt: TextPrompt, sampling: Sampling, seed: UInt64, most: Int,
    stops: [String], gates: GateReader? = nil, onToken: OnToken? = nil
  ) {
    sampler = TextSampler(tokenizer, after: prompt, sampling: sampling, seed: seed)
    pending = prompt.symbols[...]
    self.most = most
    self.stops = stops.map { Array($0.unicodeScalars) }
    (self.gates, self.onToken) = (gates, onToken)
    if most == 0 { ending = .length }
  }

  mutating func next(_ inputs: inout [Float]) -> Bool {
    guard let symbol = pending.popFirst() else { return false }
    inputs.append(Float(symbol))
    return true
  }

  mutating func take(_ output: ArraySlice<Float>, _ watched: WatchedStep?) {
    guard pending.isEmpty, ending == nil else { return }
    let drawn = sampler.draw(Array(output))
    count += 1
    piece = ""
    write(drawn.characters)
    if ending == nil, count == most {
      ending = .length
      give(held.count)
    }
    last = drawn.symbol
    if ending == nil { pending = [drawn.symbol] }
    guard let onToken else { return }
    let seen = watched.flatMap { step in
      gates?.activities(input: step.input, before: step.before, after: step.after)
    }
    if !piece.isEmpty || seen != nil { onToken(piece, seen) }
  }

  private mutating func write(_ characters: [Unicode.Scalar]) {
    for character in characters {
      held.append(character)
      if let stop = stops.first(where: { held.suffix($0.count).elementsEqual($0) }) {
        give(held.count - stop.count)
        held = []
        ending = .stop
        return
      }
      // What is no beginning of a stop sequence goes.
      let kept = stops.map { overlap(with: $0) }.max() ?? 0
      if held.count > kept { give(held.count - kept) }
    }
  }

  /// How many of the last characters are the first ones of a stop sequence.
  private func overlap(with stop: [Unicode.Scalar]) -> Int {
    (0..<stop.count).reversed().first { $0 <= held.count && held.suffix($0).elementsEqual(stop.prefix($0)) }
      ?? 0
  }

  private mutating func give(_ count: Int) {
    guard count > 0 else { return }
    piece.unicodeScalars.append(contentsOf: held.prefix(count))
    text.unicodeScalars.append(contentsOf: held.prefix(count))
    held.removeFirst(count)
  }
}
