import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTraining
import Testing

@testable import CellgateTasks

@Suite("Language model")
struct LanguageModelTests {
  /// A small model of `symbols` symbols.
  static func model(
    _ cell: Cell = .lstmWM, symbols: Int = 7, layers: Int = 2, dropout: Float = 0, seed: UInt64 = 1
  ) -> LanguageModel {
    var settings = PTBCharacterTask.defaults
    settings.taskOptions["embedding"] = 5
    settings.hidden = 6
    settings.layers = layers
    settings.dropout = dropout
    settings.seed = seed
    return LanguageModel(settings: settings, symbols: symbols, cell: cell)
  }

  /// Symbols by chance.
  static func symbols(_ count: Int, below bound: Int = 7, name: String = "symbols") -> [Int32] {
    var stream = RandomStream(seed: 3, name: name)
    return (0..<count).map { _ in Int32(stream.integer(below: bound)) }
  }

  @Test("Its parameters have stable names, and as many numbers as the task counts", arguments: Cell.core)
  func parameters(cell: Cell) {
    let parameters = ParameterSet(Self.model(cell, symbols: 50))
    let names = (0..<2).flatMap { layer in cell.parameters.map { "recurrent.\($0.name)_l\(layer)" } }
    #expect(parameters.entries.map(\.name) == ["embedding.weight"] + names + ["head.weight", "head.bias"])
    var settings = PTBCharacterTask.defaults
    settings.taskOptions["embedding"] = 5
    settings.hidden = 6
    settings.layers = 2
    #expect(PTBCharacterTask.parameterCount(settings, cell: cell) == Double(parameters.count))
    #expect(
      Array(LanguageModel.parameterShapes(settings: settings, symbols: 50, cell: cell))
        == parameters.entries.map { ParameterShape($0.name, $0.shape) })
  }

  @Test("States carried on make two passes one", arguments: Cell.core)
  func carried(cell: Cell) {
    let model = Self.model(cell)
    let symbols = Self.symbols(3 * 9)
    let whole = model(symbols, steps: 9, batch: 3)
    let first = model(Array(symbols[..<12]), steps: 4, batch: 3)
    let second = model(Array(symbols[12...]), steps: 5, batch: 3, states: first.states)
    #expect(whole.logits.shape == [9, 3, 7])
    let parts = first.logits.scalars + second.logits.scalars
    // Products of another number of rows may round otherwise.
    #expect(zip(parts, whole.logits.scalars).allSatisfy { abs($0 - $1) < 1e-5 })
    for (a, b) in zip(second.states, whole.states) {
      #expect(zip(a.scalars, b.scalars).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }

  @Test("Dropout in a single layer acts before the head, in training alone")
  func dropout() {
    let (plain, dropping) = (Self.model(layers: 1), Self.model(layers: 1, dropout: 0.5))
    let symbols = Self.symbols(12)
    let inference = dropping(symbols, steps: 4, batch: 3)
    #expect(inference.logits.scalars == plain(symbols, steps: 4, batch: 3).logits.scalars)

    let context = ForwardContext.training(seed: 1, step: 2)
    let trained = dropping(symbols, steps: 4, batch: 3, context: context)
    // The states that are carried on know nothing of it.
    #expect(trained.states.map(\.scalars) == inference.states.map(\.scalars))
    let output =
      plain.body(plain.embedding(symbols, shape: [4, 3]), context: .inference()).output ?? .zeros([])
    var noise = ForwardContext.training(seed: 1, step: 2).stream("head")
    let masked = output * dropoutMask(output.shape, probability: 0.5, stream: &noise)
    #expect(trained.logits.scalars == plain.head(masked).scalars)
    #expect(trained.logits.scalars != inference.logits.scalars)
  }

  @Test("A probe sees the embedded symbols, each layer's states, the output and the logits")
  func probe() {
    var seen: [String] = []
    _ = Self.model()(Self.symbols(4), steps: 2, batch: 2) { layer, name, _ in seen.append("\(layer) \(name)")
    }
    #expect(
      seen == [
        "input symbols", "embedding x", "recurrent.l0 h", "recurrent.l0 c", "recurrent.l1 h",
        "recurrent.l1 c",
        "recurrent output", "head output",
      ])
  }
}
