import CellgateBasics

/// A recurrent cell: its equations, and everything that is derived from them.
///
/// ```swift
/// let cell = try Cell("my-rnn", summary: "tanh of a sum") { cell in
///   let x = cell.input, h = cell.state("h")
///   let W = cell.matrix("weight_ih"), U = cell.matrix("weight_hh", start: .orthogonal)
///   let b = cell.vector("bias")
///   cell.next(h, tanh(W(x) + U(h) + b))
/// }
/// ```
///
/// The same cell as text is ``text``, and ``init(text:)`` reads it.
///
/// The first state is the output. The graph's nodes are evaluated by ``ReferenceExecution`` in Double,
/// and compiled into the fast execution of ``CellExecution``.
public struct Cell: Sendable {
  /// The name that commands and files use: "lstm-wm".
  public let name: String
  /// One line that says what the cell is.
  public let summary: String
  /// The paper or document that defines it.
  public let source: String
  /// The states' names; the first is the output.
  public let states: [String]
  /// Each state's size: hidden or projection.
  public let stateSizes: [CellDimension]
  /// The parameters in order of declaration.
  public let parameters: [ParameterDefinition]

  package let graph: Graph
  /// The node of each state's value at t.
  package let next: [NodeID]
  /// What the equations give for it, which is the same but with zoneout.
  let proposed: [NodeID]
  /// The noises that it reads; none unless it was derived so.
  package let noises: [NoiseDefinition]
  /// Names of values, in order of definition.
  package let names: [(name: String, node: NodeID)]
  /// What got a value, in the order in which the equations were written.
  let equationOrder: [CellBuilder.Equation]
  /// What the input and the parameters are called in equations.
  let symbols: CellSymbols
  let gradient: GradientGraph
  let plan: Plan

  /// Builds a cell from its equations.
  ///
  /// - Throws: ``CellError`` when a state is never assigned, values depend on themselves within a step,
  ///   sizes don't fit, a name is used twice, or something declared is never used.
  public init(
    _ name: String, summary: String = "", source: String = "", equations: (CellBuilder) -> Void
  ) throws(CellError) {
    let builder = CellBuilder(cell: name)
    equations(builder)
    try self.init(builder, summary: summary, source: source)
  }

  /// The most nodes and slots that a cell may have.
  static let mostNodes = 4096

  /// Builds a cell from what a builder has collected.
  init(_ builder: CellBuilder, summary: String, source: String) throws(CellError) {
    if let error = builder.firstError { throw error }
    let name = builder.cell
    // It is a word of commands and part of files' names.
    if name.utf8.count > 100 || name.contains(where: { $0 == "/" || $0 == "," })
      || !CellBuilder.isName(name.replacing(".", with: "-"))
    {
      throw .badName(cell: name, name: name)
    }
    var flattening = Flattening(builder)
    try flattening.run()

    self.name = name
    self.summary = summary
    self.source = source
    states = builder.states
    stateSizes = builder.stateSizes
    parameters = flattening.parameters
    graph = flattening.graph
    next = flattening.next
    proposed = next
    noises = []
    names = flattening.names
    equationOrder = builder.equations.map(\.equation)
    symbols = CellSymbols(
      builder, parameters: parameters, graph: graph, next: next, names: names)
    gradient = GradientGraph(graph: graph, next: next, parameters: parameters)
    plan = Plan(
      graph: graph, next: next, gradient: gradient, stateCount: states.count, parameters: parameters)
    let slots = max(plan.forward.slots.count, plan.backward.slots.count)
    if slots > Self.mostNodes { throw .tooLarge(cell: name, nodes: slots, most: Self.mostNodes) }
  }

  /// A cell whose graph is derived from that of another one, with the same parameters.
  init(
    deriving cell: Cell, name: String, states: [String], stateSizes: [CellDimension], graph: Graph,
    next: [NodeID], proposed: [NodeID], names: [(name: String, node: NodeID)], noises: [NoiseDefinition]
  ) {
    self.name = name
    summary = cell.summary
    source = cell.source
    self.states = states
    self.stateSizes = stateSizes
    parameters = cell.parameters
    self.graph = graph
    self.next = next
    self.proposed = proposed
    self.names = names
    self.noises = noises
    equationOrder = []
    symbols = cell.symbols
    gradient = GradientGraph(graph: graph, next: next, parameters: parameters)
    plan = Plan(
      graph: graph, next: next, gradient: gradient, stateCount: states.count, parameters: parameters)
  }

  /// A cell of this package, whose definition is known to be right.
  static func builtIn(
    _ name: String, _ summary: String, source: String, _ equations: (CellBuilder) -> Void
  ) -> Cell {
    do {
      return try Cell(name, summary: summary, source: source, equations: equations)
    } catch {
      fail("Cell: expected a definition that is right, found \(error)")
    }
  }

  /// What the input is called in the equations: x, unless something else is.
  public var inputName: String { symbols.input }

  /// What each parameter is called in the equations, with a star in the place of the gate: `W_*x`.
  public var parameterSymbols: [String] { symbols.parameters }

  /// Whether a state or a parameter has the projection size.
  public var hasProjection: Bool {
    stateSizes.contains(.projection) || parameters.contains { $0.rows == .projection }
  }

  /// Numbers that one layer learns in one direction: the sum of the shapes of the parameters that aren't fixed; `Int.max` where they are
  /// more than an Int counts. P is H where it is nil.
  public func parameterCount(inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil) -> Int {
    let (input, hidden) = (Double(inputSize), Double(hiddenSize))
    let count = parameterCount(input: input, hidden: hidden, projection: projectionSize.map(Double.init))
    return Int(exactly: count) ?? .max
  }

  /// As `parameterCount(inputSize:hiddenSize:projectionSize:)`, in Double, which no size overflows; `withFixed` counts fixed numbers too.
  package func parameterCount(
    input: Double, hidden: Double, projection: Double? = nil, withFixed: Bool = false
  ) -> Double {
    func size(_ dimension: CellDimension) -> Double {
      switch dimension {
      case .input: input
      case .hidden: hidden
      case .projection: projection ?? hidden
      }
    }
    return parameters.lazy.filter { withFixed || !$0.isFixed }.reduce(0) { sum, parameter in
      sum + Double(parameter.gates.count) * (parameter.isScalar ? 1 : size(parameter.rows))
        * (parameter.columns.map(size) ?? 1)
    }
  }

  /// Numbers for each step, sequence and unit that the backward pass reads of the forward pass: the states and what
  /// is saved besides.
  package var keptCount: Int { states.count + plan.saved.count }

  /// Multiply-adds of all matrix products of one step of one sequence. P is H where it is nil.
  public func multiplyAdds(inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil) -> Int {
    let sizes = CellSizes(input: inputSize, hidden: hiddenSize, projection: projectionSize)
    return graph.nodes.reduce(0) { sum, node in
      guard let (block, _) = node.operation.matrix else { return sum }
      let parameter = parameters[block.parameter]
      return sum + sizes[parameter.rows] * (parameter.columns.map { sizes[$0] } ?? 0)
    }
  }

  /// The sizes of a layer. What only a programmer can get wrong ends the process.
  func layerSizes(input: Int, hidden: Int, projection: Int?, grid: CellGrid? = nil) -> CellSizes {
    require(
      projection == nil || hasProjection,
      "\(name): expected no projection size, as the cell has no projection, found \(projection ?? 0)")
    let sizes = CellSizes(input: input, hidden: hidden, projection: projection, grid: grid)
    require(
      sizes.input > 0 && sizes.hidden > 0 && sizes.projection > 0,
      "\(name): expected sizes of 1 or more, found I=\(input), H=\(hidden)"
        + (projection.map { ", P=\($0)" } ?? ""))
    return sizes
  }
}

extension Cell: CustomStringConvertible {
  /// The name.
  public var description: String { name }
}
