import CellgateCells
import CellgateData
import CellgateExchange
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Tied weights of language models")
struct TiedWeightsTests {
  private static func settings(_ change: (inout TrainingSettings) -> Void = { _ in }) -> TrainingSettings {
    TextTaskTests.settings {
      $0.taskOptions["tie-weights"] = "yes"
      $0.taskOptions["embedding"] = 6
      $0.layers = 2
      change(&$0)
    }
  }

  /// A model of the task, with another bias than zeros.
  private func model(_ cell: Cell = .lstm) -> LanguageModel {
    let model = LanguageModel(settings: Self.settings(), symbols: 7, cell: cell)
    model.head.bias?.assign(Tensor((0..<7).map { Float($0) / 10 }, shape: [7]))
    return model
  }

  @Test(
    "Logits are products with the embeddings, which are trained by both", arguments: [Cell.lstm, .lstmWM])
  func logits(cell: Cell) throws {
    let model = model(cell)
    let parameters = ParameterSet(model)
    #expect(parameters.entries.map(\.name).first == "embedding.weight")
    #expect(parameters.entries.map(\.name).last == "head.bias")
    #expect(!parameters.entries.contains { $0.name == "head.weight" })
    let settings = Self.settings { $0.cell = cell.name }
    #expect(
      Array(LanguageModel.parameterShapes(settings: settings, symbols: 7, cell: cell))
        == parameters.entries.map { ParameterShape($0.name, $0.shape) })
    let symbols: [Int32] = [1, 2, 3, 4]
    let recurrent = try #require(model.recurrent)
    let states = recurrent(model.embedding(symbols, shape: [4, 1])).output
    let expected = linear(
      try #require(states), weight: model.embedding.weight.value, bias: model.head.bias?.value)
    #expect(model(symbols, steps: 4, batch: 1).logits.scalars == expected.scalars)
    // A symbol that isn't read has a gradient through the head alone.
    parameters.zeroGradients()
    crossEntropy(model(symbols, steps: 4, batch: 1).logits, classes: [2, 3, 4, 1]).backward()
    let gradient = model.embedding.weight.gradient.scalars
    #expect(gradient[36..<42].contains { $0 != 0 } && gradient[6..<12].contains { $0 != 0 })
  }

  @Test("The task counts the parameters, and other sizes of embeddings are refused")
  func settings() throws {
    var settings = Self.settings()
    settings.data = DataReference(
      path: "/x", sha256: String(repeating: "0", count: 64), facts: ["symbols": 7])
    #expect(TextTask.parameterCount(settings, cell: .lstm) == Double(ParameterSet(model()).count))
    settings.taskOptions["embedding"] = 5
    #expect(settings.problems(tasks: Tasks.all).map(\.option) == ["embedding"])
  }

  @Test(
    "A run with tied weights is evaluated, generates, streams, is retrofitted, and refused by name by exporters"
  )
  func run() throws {
    let scratch = try Scratch()
    try scratch.write(Array(TextTaskTests.text.utf8), as: "my.txt")
    let folder = scratch.path + "/run"
    let settings = try TextTask.prepared(Self.settings(), data: .file(scratch.path + "/my.txt"))
    let task = try TextTask(settings: settings, data: .unspecified)
    _ = try Trainer(
      task: task, settings: settings, directory: RunDirectory(creating: folder, settings: settings)
    ).run()
    let model = try Model.load(folder)
    #expect(model.layers.map(\.name) == ["embedding", "recurrent", "head"] && model["head"] is TiedDense)
    let (loaded, tokenizer) = try LanguageModel.load(folder + "/model.safetensors")
    let symbols = Array(try tokenizer.encode("ab\nac".unicodeScalars).indices)
    let expected = loaded(symbols, steps: 5, batch: 1).logits.scalars
    let x = Tensor(symbols.map(Float.init), shape: [5, 1])
    #expect(model(x).scalars == expected)
    #expect(
      Array(try TextGenerator(run: folder).text(seed: 4).prefix(30))
        == Array(try TextGenerator(model: folder + "/model.safetensors").text(seed: 4).prefix(30)))

    let stream = try model.stream()
    var session = stream.session()
    for (place, symbol) in symbols.enumerated() {
      let logits = try stream.step(&session, [Float(symbol)])
      // Other products in another order.
      for (one, other) in zip(logits, expected[place * 5..<place * 5 + 5]) {
        #expect(abs(one - other) < 1e-5)
      }
    }

    let better = try model.retrofitted(to: .lstmWM)
    for (one, other) in zip(better(x).scalars, expected) { #expect(abs(one - other) < 1e-6) }
    for format in ModelExporter.formats where !["safetensors", "npz"].contains(format.name) {
      let error = #expect(throws: ExportError.self, "\(format.name)") {
        try ModelExporter.write(model, as: format, to: scratch.path + "/model" + format.ending)
      }
      #expect(error?.description.contains("head") == true, "\(format.name): \(error?.description ?? "")")
    }

    var next = TextTaskTests.settings()
    try next.start(from: ModelSource(folder), task: TextTask.self)
    #expect(next.taskOptions["tie-weights"] == "yes" && next.taskOptions["embedding"] == 6)
  }

  @Test("Descriptions whose embedding is missing or of other sizes are refused")
  func wrong() throws {
    func description(_ embedding: Embedding, _ name: String, units: Int = 7) -> ModelDescription {
      ModelDescription(
        chain: [
          LayerDescription(embedding, name: "embedding"),
          LayerDescription(LSTM(6, returnSequences: true), name: "lstm"),
          LayerDescription(TiedDense(units, to: name), name: "head"),
        ], input: .init("x", .sequence()))
    }
    _ = try Model(description(Embedding(7, 6), "embedding"))
    for wrong in [
      description(Embedding(7, 6), "other"), description(Embedding(8, 6), "embedding"),
      description(Embedding(7, 5), "embedding"), description(Embedding(7, 6), "lstm"),
    ] {
      #expect(throws: LayerError.self) { try Model(wrong) }
      #expect(throws: LayerError.self) { try Model.parameterShapes(wrong) }
    }
    let each = TimeDistributed(TiedDense(7, to: "embedding")).options
    #expect(each.problem?.contains("tied_dense") == true)
  }
}
