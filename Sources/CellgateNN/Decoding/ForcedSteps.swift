import CellgateBasics
import CellgateTensor

/// A decoder's way through known symbols a step at a time: the sequences in order of their lengths, the longest first, so
/// that those that have ended cost nothing.
struct ForcedSteps {
  /// What one step gives.
  struct Step {
    /// `[n, O]`.
    var output: Tensor
    var states: LayerDecoder.States
    /// `[n, S]`; nil without attention.
    var weights: Tensor?
  }

  let symbols: DecodedSymbols
  let layers: SymbolLayers
  let context: ForwardContext
  /// What names the noise.
  let name: String
  /// O.
  let outputSize: Int

  /// Steps from the states on that `start` gives for rows of these of the inputs' sequences. `read` gives what a step takes of
  /// symbols, a row for each.
  func run(
    from start: (_ sequences: [Int32]) -> LayerDecoder.States, reading read: (_ symbols: [Int32]) -> Tensor,
    _ step: (_ symbols: Tensor, _ states: LayerDecoder.States) -> Step
  ) -> DecoderOutputs {
    let (lengths, count) = (symbols.lengths, symbols.count)
    let order = lengths.indices.sorted { (-lengths[$0], $0) < (-lengths[$1], $1) }
    let longest = order.first.map { lengths[$0] } ?? 0
    let active = (0..<longest).map { step in order.prefix { lengths[$0] > step }.count }
    let places = (0..<longest).flatMap { step in
      order.prefix(active[step]).map { Int32(step * count + $0) }
    }
    let owners = order.map { symbols.sequences?[$0] ?? Int32($0) }
    let draws = context.isTraining && symbols.drawnShare > 0
    // All symbols at once, unless some are yet to be drawn.
    let known = draws ? nil : read(places.map { symbols.tokens[Int($0)] })
    var noise = context.stream(name + "/drawn")
    var states = start(owners)
    var (outputs, weights, first): ([Tensor], [Tensor], Int) = ([], [], 0)
    for time in 0..<longest {
      let now = active[time]
      let rows = places[first..<first + now]
      let taken: Tensor
      if let known {
        taken = known[first..<first + now]
      } else {
        var tokens = rows.map { symbols.tokens[Int($0)] }
        if time > 0, let last = outputs.last {
          draw(into: &tokens, places: Array(rows), after: last, &noise)
        }
        taken = read(tokens)
      }
      let result = step(taken, states.first(now))
      states = result.states
      outputs.append(result.output)
      if let own = result.weights { weights.append(own) }
      first += now
    }
    let all = outputs.isEmpty ? Tensor.zeros([0, outputSize]) : concatenated(outputs, axis: 0)
    return DecoderOutputs(
      outputs: layers.dropped(all, context), places: places, count: count,
      weights: weights.isEmpty ? nil : concatenated(weights, axis: 0))
  }

  /// Replaces a share of the symbols by those that the model draws after its last outputs. The numbers belong to the
  /// symbols' places.
  private func draw(
    into tokens: inout [Int32], places: [Int32], after last: Tensor, _ noise: inout RandomStream
  ) {
    let drawn = tokens.indices.filter { noise.uniform(at: UInt64(places[$0]) * 4) < symbols.drawnShare }
    guard !drawn.isEmpty else { return }
    withoutGradient {
      let logits = layers.logits(last.detached.gathered(drawn.map { Int32($0) }))
      let width = logits.shape[1]
      unsafe logits.withScalars { numbers in
        for (row, place) in drawn.enumerated() {
          var stream = noise
          stream.position = UInt64(places[place]) * 4 + 1
          let own = unsafe Array(numbers[row * width..<(row + 1) * width])
          tokens[place] = Int32(Sampling().pick(own, at: Double(stream.nextLong() >> 11) * 0x1p-53))
        }
      }
    }
  }

  /// All steps of recurrent layers at once, for symbols of which none is drawn: a row of outputs `[R, H]` for each valid
  /// symbol, and the places of these. `first` is an input `[N, E]` before the first symbol.
  func whole(
    _ recurrent: Recurrent, states: [Tensor]?, first: Tensor? = nil
  ) -> (rows: Tensor, places: [Int32]) {
    let (steps, count) = (symbols.steps, symbols.count)
    let flags = SequenceMask.lengths(symbols.lengths).flags(steps: steps, batch: count)
    let places = (0..<Int32(flags.count)).filter { flags[Int($0)] }
    // What stands after an end may be anything.
    let tokens = zip(symbols.tokens, flags).map { $1 ? $0 : 0 }
    var lengths = symbols.lengths
    if first != nil { lengths = lengths.map { $0 + 1 } }
    let areWhole = lengths.allSatisfy { $0 == steps + (first == nil ? 0 : 1) }
    func input(_ symbols: Tensor, _ first: Tensor?) -> Tensor {
      let x = symbols.reshaped([steps, count, symbols.shape[1]])
      return first.map { concatenated([$0.unsqueezed(axis: 0), x], axis: 0) } ?? x
    }
    let result: Recurrent.Result
    if recurrent.inputMaps != nil, context.observer == nil,
      let (unique, own) = layers.distinct(tokens, context)
    {
      // The products of equal symbols are computed once.
      let map = SteppedLinear(weight: recurrent.inputMap)
      let products = map(layers.vectors(unique, shape: [unique.count], context)).gathered(own)
      result = recurrent.run(
        products: input(products, first.map { map($0) }), states: states, lengths: areWhole ? nil : lengths,
        context: context)
    } else {
      let x = input(layers.vectors(tokens, shape: [tokens.count], context), first)
      result = recurrent(x, states: states, lengths: areWhole ? nil : lengths, context: context)
    }
    guard var output = result.output else { fail("decoder: expected outputs of every step, found none") }
    if first != nil { output = output[1..<steps + 1] }
    let rows = output.reshaped([steps * count, recurrent.outputSize])
    return (places.count < rows.shape[0] ? rows.gathered(places) : rows, places)
  }
}
