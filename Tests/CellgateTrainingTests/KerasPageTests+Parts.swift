import CellgateCells
import CellgateData
import CellgateExchange
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

extension KerasPageTests {
  @Test("A layer of one's own is kept in files and found by its kind")
  func layer() throws {
    let folder = try Scratch()
    let path = folder.file("model.safetensors")

    final class Scale: Layer {
      static let kind = "scale"
      struct Options: LayerOptions { var factor: Float }
      let options: Options
      init(_ options: Options) { self.options = options }

      func outputShapes(_ inputs: [LayerShape]) -> [LayerShape] { inputs }

      func callAsFunction(
        _ inputs: [LayerValue], _ context: ForwardContext
      ) -> [LayerValue] {
        [LayerValue(inputs[0].tensor * options.factor, mask: inputs[0].mask)]
      }
    }

    let x = random([3, 4])
    let model = Sequential(Dense(2), Scale(Scale.Options(factor: 10)))
    let found = try model.predict(x)
    try model.save(path)
    let again = try Model.load(path, layers: [Scale.self])
    #expect(try again.predict(x).scalars == found.scalars)
  }

  @Test("A loss and a metric of one's own are those of the formula, weights and masks included")
  func loss() throws {
    let (x, y) = (random([8, 5, 2]), random([8], "y"))

    let pinball = Loss("pinball") { y, target in
      ((target - y) * 0.9).maximum((target - y) * -0.1)
    }
    let near = ModelMetric("near", higherIsBetter: true) { output, target, _ in
      zip(output.tensor.scalars, target.scalars).map { abs($0 - $1) < 0.5 ? 1 : 0 }
    }
    let model = Sequential(LSTM(4), Dense(1))
    model.compile(loss: pinball, metrics: [near])
    try model.fit(x, y, verbose: .silent)

    let p = try model.predict(x).scalars
    let weights: [Float] = [0, 1, 2, 0, 1, 3, 1, 1]
    let terms = zip(p, y.scalars).map { max(0.9 * ($1 - $0), -0.1 * ($1 - $0)) }
    let found = try model.evaluate(x, y), weighed = try model.evaluate(x, y, sampleWeight: weights)
    #expect(abs(found["loss"]! - Double(terms.reduce(0, +)) / 8) < 1e-6)
    #expect(abs(weighed["loss"]! - Double(zip(terms, weights).reduce(0) { $0 + $1.0 * $1.1 }) / 9) < 1e-6)
    #expect(found["near"] == Double(zip(p, y.scalars).count { abs($0 - $1) < 0.5 }) / 8)
    // A masked step counts in neither.
    let steps = LayerValue(Tensor([1, 5], shape: [2, 1, 1]), mask: .lengths([1]))
    #expect(abs(pinball(steps, target: Tensor([2, 9], shape: [2, 1, 1])).item - 0.9) < 1e-6)
  }

  @Test("A loop of one's own makes the updates of fit; gradients of inputs are at hand")
  func loop() throws {
    let x = random([16, 5, 2])
    let y = x.sum(axes: [1, 2]).reshaped([16, 1])
    let model = Sequential(LSTM(4), Dense(1), input: .sequence(2))
    try model.build()
    let twin = try Model(model.description)

    let parameters = ParameterSet(model)
    let adam = Adam(
      count: parameters.count, settings: OptimizerSettings(learningRate: 1e-3))
    for step in 0..<UInt64(10) {
      parameters.zeroGradients()
      let output = model(x.transposed(0, 1), .training(seed: 1, step: step))  // [T, B, 2]
      let loss = meanSquaredError(output, target: y)
      loss.backward()
      parameters.clipGradients(norm: 1)
      adam.step(parameters)
    }
    twin.compile(optimizer: .adam(learningRate: 1e-3), loss: .meanSquaredError, clipNorm: 1)
    try twin.fit(x, y, batchSize: 16, epochs: 10, shuffle: false, verbose: .silent)
    #expect(model.state.entries.map(\.tensor.scalars) == twin.state.entries.map(\.tensor.scalars))

    let input = Parameter(x.transposed(0, 1))
    model(input.tensor).sum().backward()
    print(input.gradient.abs().mean())  // what the outputs depend on
    #expect(input.gradient.scalars.contains { $0 != 0 })
  }

  @Test("Files of models, of Keras and of ONNX")
  func files() throws {
    let folder = try Scratch()
    let (path, kerasPath, onnxPath) = (
      folder.file("model.safetensors"), folder.file("model.keras"), folder.file("model.onnx")
    )
    let x = random([4, 5, 2])
    let model = Sequential(LSTM(4), Dense(1))
    let found = try model.predict(x)

    try model.save(path)  // weights, layers, preprocessing
    let loaded = try Model.load(path)
    #expect(try loaded.predict(x).scalars == found.scalars)

    let other = Sequential(LSTM(4), Dense(1), input: .sequence(2))
    try other.build(seed: 2)
    try other.load(loaded.state)  // weights alone
    #expect(try other.predict(x).scalars == found.scalars)

    try KerasWriter.write(model, to: kerasPath)
    let imported = try ModelImporter.read(kerasPath)  // or .h5, .weights.h5
    let fromKeras = try imported.makeModel()
    #expect(try fromKeras.predict(x).scalars == found.scalars)

    try ONNXWriter.write(model, to: onnxPath, streaming: false)
    #expect(try ModelImporter.read(onnxPath).makeModel().outputShapes == model.outputShapes)
  }

  @Test("Texts become numbers by a vocabulary that the model's file keeps")
  func texts() throws {
    let texts = ["A fine film", "dull film, dull plot"]
    let model = Sequential(Embedding(9, 4, maskZero: true), LSTM(4), Dense(1))

    let words = WordVocabulary(of: texts, most: 10_000)
    let x = Tensor(
      texts.flatMap { words.encode($0, length: 5) },
      shape: [texts.count, 5])

    model.preprocessing.words = words.words
    model.preprocessing.length = 5
    let again = model.preprocessing.encode(texts)  // the same as x
    #expect(again?.scalars == x.scalars && x.scalars.prefix(2) == [0, 0])
    #expect(words.words == ["dull", "film", "a", "fine", "plot"])
  }

  @Test("Windows of a series, scaled by numbers of the training part")
  func windows() throws {
    let series = random([40, 2])

    let count = series.shape[0] - 24
    let windows = stacked((0..<count).map { series[$0..<$0 + 24] })
    let next = series[24..<24 + count]  // what follows each
    #expect(windows.shape == [16, 24, 2] && next.shape == [16, 2])
    #expect(windows[3][23].scalars == series[26].scalars && next[3].scalars == series[27].scalars)

    let scaler = Scaler(fitting: windows[0..<12])
    let x = scaler(windows)
    let back = scaler.inverse(x)
    #expect(zip(back.scalars, windows.scalars).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test("Products in bfloat16 where the processor has them")
  func precision() throws {
    var options = RecurrentOptions(cell: .lstm, units: 32)
    options.precision = .bfloat16
    let model = Sequential(Recurrent(options), Dense(1))
    guard InstructionSet.active.supports(.bfloat16) else {
      #expect(!model.isBuilt)
      return
    }
    #expect(try model.predict(random([2, 5, 4])).shape == [2, 1])
  }

  @Test("The same seed gives the same bits, whatever the number of threads")
  func seeds() throws {
    let (x, y) = (random([16, 5, 2]), random([16], "y"))

    func trained() throws -> Model {
      let model = Sequential(LSTM(8, dropout: 0.1), Dense(1), input: .sequence(2))
      try model.build(seed: 7)
      model.compile(loss: .meanSquaredError)
      try model.fit(x, y, epochs: 2, verbose: .silent, seed: 7)
      return model
    }
    let here = try trained()
    let alone = try ThreadPool.$current.withValue(ThreadPool(threads: 1)) {
      try trained()
    }
    #expect(here.state.entries.map(\.tensor.scalars) == alone.state.entries.map(\.tensor.scalars))
  }

  // MARK: The page

  @Test("Every Swift snippet of the page stands here, and there are twenty things or more")
  func page() throws {
    let tests = URL(filePath: #filePath).deletingLastPathComponent()
    let article = tests.appending(path: "../../Sources/Cellgate/Cellgate.docc/FromKeras.md")
    func lines(_ url: URL) throws -> [String] {
      try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map {
        $0.trimmingCharacters(in: .whitespaces)
      }.filter { !$0.isEmpty }
    }
    let code = try ["KerasPageTests.swift", "KerasPageTests+Parts.swift"]
      .map { try lines(tests.appending(path: $0)).joined(separator: "\n") }.joined(separator: "\n")
    let page = try lines(article)
    var snippets: [[String]] = []
    var isInside = false
    for line in page {
      if line == "```swift" {
        isInside = true
        snippets.append([])
      } else if line == "```" {
        isInside = false
      } else if isInside {
        snippets[snippets.count - 1].append(line)
      }
    }
    #expect(snippets.count >= 20)
    for snippet in snippets {
      #expect(code.contains(snippet.joined(separator: "\n")), "\(snippet.joined(separator: "\n"))")
    }
    #expect(page.count { $0 == "```python" } == snippets.count)
    #expect(page.count { $0.hasPrefix("### ") } >= 20)
  }
}
