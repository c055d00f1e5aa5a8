import CellgateCells
import CellgateTensor

/// What the gates of a model's recurrent layers do as a sequence goes on step by step.
///
/// ```swift
/// let observer = GateObserver(model)
/// let before = session
/// _ = try stream.step(&session, [symbol])
/// for gate in observer?.activities(input: [symbol], before: before, after: session) ?? [] { print(gate.name, gate.mean) }
/// ```
///
/// For one thread at a time.
public final class GateObserver {
  /// A gate of a layer at a step.
  public struct Activity: Sendable, Equatable {
    /// The recurrent layer, from 1 on.
    public let layer: Int
    /// The gate, as the cell's equations name it.
    public let name: String
    /// The mean over its units, in 0...1.
    public let mean: Double
  }

  private let table: (numbers: [Float], size: Int)?
  private let cells: [(gates: CellGates, stateCount: Int, outputSize: Int)]

  /// The observer of a chain of an embedding, perhaps, and recurrent layers in one direction, whatever comes after them; nil of
  /// another model, and of cells without gates.
  public init?(_ model: Model) {
    guard model.isBuilt, model.description.isChain else { return nil }
    var layers = model.layers.map(\.layer).filter { !($0 is Dropout) }[...]
    if let embedding = layers.first as? Embedding {
      table = (embedding.weight.value.scalars, embedding.options.outputDim)
      layers = layers.dropFirst()
    } else {
      table = nil
    }
    var cells: [(gates: CellGates, stateCount: Int, outputSize: Int)] = []
    while let recurrent = layers.popFirst() as? Recurrent {
      guard recurrent.directions == 1, !recurrent.options.goBackwards, recurrent.options.kernel == nil else {
        return nil
      }
      for (execution, parameters) in zip(recurrent.built.executions, recurrent.built.parameters) {
        guard let gates = CellGates(execution, parameters: parameters.map(\.value)) else { return nil }
        cells.append((gates, execution.stateSizes.reduce(0, +), execution.outputSize))
      }
    }
    if cells.isEmpty { return nil }
    self.cells = cells
  }

  /// What each gate did at a step whose input was `[I]`, or a symbol, from the session before it to the session after it; of the model's own
  /// stream.
  public func activities(input: [Float], before: ModelSession, after: ModelSession) -> [Activity] {
    var x = input
    if let table {
      let row = Int(input[0])
      x = Array(table.numbers[row * table.size..<(row + 1) * table.size])
    }
    var found: [Activity] = []
    var place = 0
    for (index, cell) in cells.enumerated() {
      let states = place..<place + cell.stateCount
      let means = cell.gates.means(input: x, before: before.states[states], after: after.states[states])
      for (name, mean) in zip(cell.gates.names, means) {
        found.append(Activity(layer: index + 1, name: name, mean: mean))
      }
      // A layer's output is its first state, which the next one reads.
      x = Array(after.states[place..<place + cell.outputSize])
      place = states.upperBound
    }
    return found
  }
}
