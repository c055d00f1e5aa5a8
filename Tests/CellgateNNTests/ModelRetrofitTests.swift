import CellgateCells
import CellgateNN
import CellgateTensor
import Testing

/// A model whose cell is replaced gives the same bits.
struct ModelRetrofitTests {
  struct Layout: CustomTestStringConvertible {
    var layers = 1, isBidirectional = false, learnsFirstStates = false, dropout: Float = 0
    var cell = "lstm-wm"
    var testDescription: String {
      "\(cell), \(layers) layers\(isBidirectional ? ", bidirectional" : "")\(learnsFirstStates ? ", learned" : "")"
    }
  }

  static let layouts: [Layout] = ["lstm-wm", "lstm-ph", "lstm-ph-full", "lstm-wm-stale", "lstm-wm-inner"]
    .flatMap {
      cell in
      [
        Layout(cell: cell), Layout(layers: 2, dropout: 0.3, cell: cell),
        Layout(isBidirectional: true, cell: cell),
        Layout(layers: 3, isBidirectional: true, learnsFirstStates: true, cell: cell),
      ]
    }

  private func options(_ layout: Layout, units: Int) -> RecurrentOptions {
    var options = RecurrentOptions(cell: .lstm, units: units)
    options.layers = layout.layers
    options.isBidirectional = layout.isBidirectional
    options.learnsFirstStates = layout.learnsFirstStates
    options.dropout = layout.dropout
    options.returnSequences = true
    return options
  }

  /// Numbers without a pattern that the parameters start from, in the place of zeros.
  private func scatter(_ model: Model) throws {
    var stream = RandomStream(seed: 7, name: "scatter")
    var state = model.state
    for entry in state.entries {
      state[entry.name] = stream.uniform(entry.tensor.shape, in: -0.5..<0.5)
    }
    try model.load(state)
  }

  private func sameBits(
    _ old: Model, _ new: Model, _ inputs: [LayerValue], _ comment: Comment? = nil
  ) {
    let (expected, found) = (old(inputs), new(inputs))
    #expect(expected.count == found.count)
    for (expected, found) in zip(expected, found) {
      #expect(expected.tensor.shape == found.tensor.shape)
      #expect(
        expected.tensor.scalars.map(\.bitPattern) == found.tensor.scalars.map(\.bitPattern), comment)
      #expect(expected.mask == found.mask)
    }
  }

  @Test(arguments: layouts)
  func givesTheSameBits(_ layout: Layout) throws {
    let cell = try #require(Cell.all.first { $0.name == layout.cell })
    for units in [1, 5, 33] {
      let model = Sequential([Recurrent(options(layout, units: units)), Dense(3)])
      try model.build([.sequence(4)])
      try scatter(model)
      for chosen in [nil, [0], [layout.layers - 1]] as [Set<Int>?] {
        let new = try model.retrofitted(to: cell, layers: chosen)
        #expect(new.description.recurrentParts.count == layout.layers)
        #expect(
          new.description.recurrentParts.map { $0.options.cell.cell.name }
            == (0..<layout.layers).map { chosen?.contains($0) ?? true ? layout.cell : "lstm" })
        var stream = RandomStream(seed: 3, name: "x")
        for (steps, batch) in [(1, 1), (7, 3), (12, 17)] {
          let x = stream.uniform([steps, batch, 4], in: -2..<2)
          sameBits(model, new, [LayerValue(x)])
          let lengths = (0..<batch).map { $0 * 5 % (steps + 1) }
          sameBits(model, new, [LayerValue(x, mask: .lengths(lengths))])
          let flags = (0..<steps * batch).map { $0 % 3 != 1 }
          sameBits(model, new, [LayerValue(x, mask: SequenceMask(flags: flags, batch: batch))])
        }
      }
    }
  }

  @Test func statesThatGoInAndComeOut() throws {
    var options = options(Layout(layers: 3, dropout: 0.2), units: 6)
    options.returnState = true
    options.maskedOutput = .previous
    let x = Input(.sequence(4), name: "x")
    let states = (0..<6).map { Input(.vector(6), name: "s\($0)") }
    let layer = Recurrent(options)
    let outputs = layer.outputs([x] + states)
    // The layer is called twice: the second call begins with the states that the first one leaves.
    let again = layer.outputs([x] + Array(outputs.dropFirst()))
    let model = try Model(inputs: [x] + states, outputs: outputs + again)
    try scatter(model)
    var stream = RandomStream(seed: 3, name: "x")
    let inputs =
      [LayerValue(stream.uniform([9, 2, 4], in: -2..<2), mask: .lengths([9, 4]))]
      + (0..<6).map { _ in LayerValue(stream.uniform([2, 6], in: -1..<1)) }
    for chosen in [[1], [0, 2], [2], [0, 1, 2]] as [Set<Int>] {
      let new = try model.retrofitted(to: .lstmWM, layers: chosen)
      sameBits(model, new, inputs)
    }
  }

  @Test func goingBackwardsAndBothDirectionsMerged() throws {
    var options = options(Layout(), units: 6)
    options.goBackwards = true
    let model = Sequential([
      Recurrent(options), Bidirectional(LSTM(5, returnSequences: true), mergeMode: .mul), LSTM(4),
    ])
    try model.build([.sequence(3)])
    try scatter(model)
    var stream = RandomStream(seed: 3, name: "x")
    let x = LayerValue(stream.uniform([9, 2, 3], in: -2..<2), mask: .lengths([9, 4]))
    for chosen in [nil, [1], [0, 2]] as [Set<Int>?] {
      sameBits(model, try model.retrofitted(to: .lstmWM, layers: chosen), [x])
    }
  }

  @Test func newWeightsLearn() throws {
    let model = Sequential([LSTM(5)])
    try model.build([.sequence(3)])
    let new = try model.retrofitted(to: .lstmWM)
    var stream = RandomStream(seed: 3, name: "x")
    let y = new(stream.uniform([6, 2, 3], in: -2..<2))
    (y * y).sum().backward()
    let entries = ParameterSet(new).entries
    let memory = try #require(entries.first { $0.name.hasSuffix("weight_mh_l0") })
    #expect(memory.parameter.value.scalars.allSatisfy { $0 == 0 })
    #expect(memory.parameter.gradient.scalars.contains { $0 != 0 })
  }

  @Test func whatIsWrongIsNamed() throws {
    let model = Sequential([LSTM(5, returnSequences: true), Dense(3)])
    try model.build([.sequence(3)])
    #expect(throws: ModelRetrofitError.noSuchLayer(3, count: 1)) {
      try model.retrofitted(to: .lstmWM, layers: [3])
    }
    let error = #expect(throws: ModelRetrofitError.self) { try model.retrofitted(to: .gru) }
    #expect(try #require(error).description.contains("lstm can't become gru"))
    let dense = Sequential([Dense(3)])
    try dense.build([.vector(2)])
    #expect(throws: ModelRetrofitError.noRecurrentLayer) { try dense.retrofitted(to: .lstmWM) }
  }
}
