import CellgateBasics
import CellgateTensor

/// What the gates of a cell do at a step of one sequence, whose states before and after it are known.
///
/// The gates are the sigmoids of the cell's graph, as ``CellObservation`` knows them. For one thread at a time.
public final class CellGates {
  /// The gates' names, in the order of the equations.
  public let names: [String]
  private let execution: CellExecution
  private let watched: WatchedNodes
  private let program: NodeProgram
  private let layout: Layout
  private let values: NodeValues

  /// The gates of a cell with its parameters, in its order and shapes; later changes of them don't matter. Nil of a cell without gates, of one with
  /// noise and of one on a grid.
  public init?(_ execution: CellExecution, parameters: [Tensor]) {
    let watched = WatchedNodes(execution.cell)
    guard !watched.gates.isEmpty, execution.cell.noises.isEmpty, execution.grid == nil else { return nil }
    (self.execution, self.watched) = (execution, watched)
    names = watched.gates.map(\.name)
    program = NodeProgram(execution.cell, wanted: watched.gates.map(\.node))
    layout = Layout(sizes: execution.sizes, precision: .float32)
    let weights = PackedWeights(
      cell: execution.cell, layout: layout, instructions: execution.instructions, parameters: parameters,
      programs: [], extra: program.factors)
    values = NodeValues(program, layout: layout, weights: weights, parameters: parameters, rows: 1)
  }

  /// The mean of each gate over its units, in 0...1: `input` is `[I]`, `before` and `after` are the cell's states one after another.
  public func means(
    input: some Collection<Float>, before: some Collection<Float>, after: some Collection<Float>
  ) -> [Double] {
    let sizes = execution.stateSizes
    require(
      input.count == execution.inputSize && before.count == sizes.reduce(0, +) && after.count == before.count,
      "CellGates: expected \(execution.inputSize) numbers and states of \(sizes), found \(input.count), \(before.count) and \(after.count)"
    )
    for (leaf, node) in program.leaves {
      let to = unsafe values[node]
      switch leaf {
      case .input: for (place, number) in input.enumerated() { unsafe to[place] = number }
      case .before(let state): unsafe fill(to, before, state)
      case .after(let state): unsafe fill(to, after, state)
      // Gates need no gradients, and there is no noise.
      case .noise, .arriving, .outputGradient: break
      }
    }
    values.compute(rows: 1)
    return watched.gates.map { gate in
      let units = layout.sizes[execution.cell.graph.size(of: gate.node)]
      let own = unsafe values[gate.node]
      return (0..<units).reduce(0.0) { unsafe $0 + Double(own[$1]) } / Double(max(1, units))
    }
  }

  private func fill(_ to: UnsafeMutablePointer<Float>, _ states: some Collection<Float>, _ state: Int) {
    let first = execution.stateSizes[..<state].reduce(0, +)
    for (place, number) in states.dropFirst(first).prefix(execution.stateSizes[state]).enumerated() {
      unsafe to[place] = number
    }
  }
}
