import Cellgate

/// What one sequence does at its steps: it gives the input of each, and takes the output.
///
/// A driver is moved to the batch that steps it, and comes back with what it has found.
protocol StepDriver: Sendable {
  /// Appends the input of the next step, `[I]` or a symbol, to `inputs`; false where there is no step more.
  mutating func next(_ inputs: inout [Float]) -> Bool
  /// Whether it looks at the states before and after each step.
  var watches: Bool { get }
  /// Takes the output of that step, `[O]`, and what there was to watch.
  mutating func take(_ output: ArraySlice<Float>, _ watched: WatchedStep?)
}

/// A step that is watched: what went in, and the states before and after.
struct WatchedStep {
  let input: [Float]
  let before: ModelSession
  let after: ModelSession
}

/// Takes the steps of inputs that are known.
struct InputDriver: StepDriver {
  /// Which outputs are wanted.
  enum Outputs: String, Sendable, CaseIterable { case last, all, none }

  /// `[T, I]`, and I.
  private let inputs: [Float]
  private let width: Int
  private let wanted: Outputs
  /// Called with the output of each step; nil where nobody waits for it.
  private let onStep: OnStep?
  let watches: Bool
  private var step = 0
  /// The outputs that are wanted, one after another.
  private(set) var outputs: [Float] = []

  /// The step's number from 1 on, its output, and what there was to watch.
  typealias OnStep = @Sendable (_ step: Int, _ output: ArraySlice<Float>, _ watched: WatchedStep?) -> Void

  init(_ inputs: [Float], width: Int, wanted: Outputs, watches: Bool = false, onStep: OnStep? = nil) {
    (self.inputs, self.width, self.wanted, self.onStep) = (inputs, width, wanted, onStep)
    self.watches = watches
  }

  private var steps: Int { inputs.count / width }

  mutating func next(_ inputs: inout [Float]) -> Bool {
    guard step < steps else { return false }
    inputs += self.inputs[step * width..<(step + 1) * width]
    return true
  }

  mutating func take(_ output: ArraySlice<Float>, _ watched: WatchedStep?) {
    step += 1
    if wanted == .all || (wanted == .last && step == steps) { outputs += output }
    onStep?(step, output, watched)
  }
}
