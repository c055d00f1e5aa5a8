import CellgateCells
import CellgateNN
import CellgateTensor
import Testing

@Suite("SegmentForecaster")
struct SegmentForecasterTests {
  static func options(
    _ cell: Cell = .gru, series: Int = 1, known: Int = 0, decodes: Bool = true, seasons: Int = 0,
    transformer: Bool = false
  ) -> SegmentForecaster.Options {
    var options = SegmentForecaster.Options(
      recurrent: RecurrentOptions(cell: cell, units: 5), segment: 2, horizon: 5, outputs: 3)
    (options.series, options.known, options.decodesSegments) = (series, known, decodes)
    (options.seasons, options.season, options.locations) = (seasons, 2, 2)
    if transformer {
      options.transformer = TransformerEncoder.Options(layers: 2, heads: 1)
      options.transformer?.positions = .sinusoidal
    }
    return options
  }

  static func random(_ shape: [Int], _ name: String) -> Tensor {
    var stream = RandomStream(seed: 3, name: name)
    return stream.normal(shape)
  }

  static func built(_ options: SegmentForecaster.Options) -> SegmentForecaster {
    let layer = SegmentForecaster(options)
    let shapes =
      [LayerShape.sequence(3)] + (options.series > 1 ? [.vector()] : [])
      + (options.known > 0 ? [.sequence(options.known)] : [])
    layer.build(shapes, BuildContext(name: "f", stream: RandomStream(seed: 1, name: "test")))
    // They start at 0, which would hide what they do.
    for (name, parameter) in layer.namedParameters() where name.hasPrefix("head") || name == "seasonal" {
      parameter.assign(random(parameter.shape, name))
    }
    return layer
  }

  /// Sums of some dozen Float32 numbers around 1.
  @Test(
    "A step at a time for each segment gives the same as all at once", arguments: [Cell.lstm, .gru, .lstmWM])
  func definition(_ cell: Cell) throws {
    let layer = Self.built(Self.options(cell))
    let (batch, units) = (2, 5)
    let x = Self.random([4, batch, 3], "x")
    let found = layer(LayerValue(x)).tensor
    #expect(found.shape == [5, batch, 3])
    let parameters = Dictionary(uniqueKeysWithValues: layer.namedParameters().map { ($0.name, $0.parameter) })
    // The same parameters in plain layers, one sequence and one segment at a time.
    let recurrent = Recurrent(
      cell: cell, inputSize: units, hiddenSize: units, stream: RandomStream(seed: 1, name: "other"))
    for (name, parameter) in recurrent.namedParameters() {
      parameter.assign(try #require(parameters["recurrent." + name]).value)
    }
    func map(_ name: String, _ x: Tensor) throws -> Tensor {
      linear(
        x, weight: try #require(parameters[name + ".weight"]).value,
        bias: try #require(parameters[name + ".bias"]).value)
    }
    let positions = try #require(parameters["position"]).value
    for sequence in 0..<batch {
      let rows = try (0..<2).flatMap { segment -> [Float] in
        let numbers = (0..<2).flatMap { x[2 * segment + $0][sequence].scalars }
        return try map("encoder", Tensor(numbers, shape: [1, 6])).relu().scalars
      }
      let states = recurrent(Tensor(rows, shape: [2, 1, units])).finalStates
      for segment in 0..<3 {
        let z = Tensor(positions[segment].scalars, shape: [1, 1, units])
        let values = try map("head", recurrent(z, states: states).last).scalars
        for step in 0..<2 where 2 * segment + step < 5 {
          for output in 0..<3 {
            let own = found[2 * segment + step][sequence].scalars[output]
            #expect(abs(own - values[3 * step + output]) < 1e-5)
          }
        }
      }
    }
  }

  @Test("A forecast starts at 0")
  func start() {
    let layer = SegmentForecaster(Self.options(seasons: 2))
    layer.build(
      [.sequence(3)], BuildContext(name: "f", stream: RandomStream(seed: 1, name: "test")))
    #expect(layer(LayerValue(Self.random([4, 2, 3], "x"))).tensor.scalars.allSatisfy { $0 == 0 })
  }

  @Test("Seasons are read linearly, and added to the places alone")
  func seasons() throws {
    let (plain, layer) = (Self.built(Self.options()), Self.built(Self.options(seasons: 2)))
    let map = try #require(layer.namedParameters().first { $0.name == "seasonal" }?.parameter.value)
    #expect(map.shape == [3, 2])
    let x = Self.random([4, 2, 3], "x")
    let (without, with) = (plain(LayerValue(x)).tensor, layer(LayerValue(x)).tensor)
    for step in 0..<5 {
      for sequence in 0..<2 {
        let exact = (0..<2).reduce(Float(0)) { sum, season in
          sum + map[step / 2].scalars[season] * x[2 * season + step % 2][sequence].scalars[0]
        }
        let (one, other) = (with[step][sequence].scalars, without[step][sequence].scalars)
        for output in 0..<3 {
          #expect(abs(one[output] - other[output] - (output < 2 ? exact : 0)) < 1e-5)
        }
      }
    }
  }

  @Test("The parameters are those that are announced", arguments: [true, false], [false, true])
  func shapes(_ decodes: Bool, transformer: Bool) {
    let layer = Self.built(
      Self.options(series: 4, known: 2, decodes: decodes, seasons: 2, transformer: transformer))
    #expect(layer.namedParameters().contains { $0.name.hasPrefix("transformer.layers.1.") } == transformer)
    let inputs = [LayerShape.sequence(3), .vector(), .sequence(2)]
    let made = layer.namedParameters().map { ParameterShape($0.name, $0.parameter.shape) }
    #expect(made == Array(layer.parameterShapes(inputs)))
  }

  @Test("A series that is not known is forecast as that of number 0", arguments: [true, false])
  func unknownSeries(_ decodes: Bool) throws {
    let layer = Self.built(Self.options(series: 2, known: 1, decodes: decodes))
    let table = try #require(layer.namedParameters().first { $0.name == "series" }?.parameter)
    table.assign(Self.random([3, 5], "series"))
    let (x, known) = (Self.random([4, 1, 3], "x"), Self.random([5, 1, 1], "known"))
    func forecast(_ number: Float) -> [Float] {
      layer([LayerValue(x), LayerValue(Tensor([number])), LayerValue(known)], .inference())[0].tensor.scalars
    }
    #expect(forecast(0) == forecast(7) && forecast(0) == forecast(.nan) && forecast(0) == forecast(-3))
    #expect(forecast(1) != forecast(0) && forecast(1) != forecast(2))
  }

  /// In Float32 a step of 1e-2 keeps rounding below 1e-3 of gradients around 1.
  @Test("Gradients agree with central differences", arguments: [true, false], [false, true])
  func gradient(_ decodes: Bool, transformer: Bool) {
    let layer = Self.built(
      Self.options(series: 2, known: 2, decodes: decodes, seasons: 1, transformer: transformer))
    let values = [
      LayerValue(Self.random([4, 2, 3], "x")), LayerValue(Tensor([1, 2])),
      LayerValue(Self.random([5, 2, 2], "known")),
    ]
    let weights = Self.random([5, 2, 3], "weights")
    func loss() -> Tensor { (layer(values, .inference())[0].tensor * weights).sum() }
    loss().backward()
    for (name, parameter) in layer.namedParameters() {
      let start = parameter.value.scalars
      for place in stride(from: 0, to: start.count, by: max(1, start.count / 5)) {
        func moved(_ step: Float) -> Float {
          var values = start
          values[place] += step
          parameter.assign(Tensor(values, shape: parameter.shape))
          return withoutGradient { loss().item }
        }
        let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2
        parameter.assign(Tensor(start, shape: parameter.shape))
        let found = parameter.gradient.scalars[place]
        #expect(abs(slope - found) < 1e-2 * max(1, abs(found)), "\(name) \(place)")
      }
    }
  }

  /// What is observed isn't given the products. Sums of some dozen Float32 numbers around 1.
  @Test(
    "Products that are computed once for equal operands give the forecasts and gradients of the cell's own",
    arguments: [Cell.lstm, .gru, .lstmWM, .rnnTanh], [1, 2])
  func products(_ cell: Cell, layers: Int) {
    for (known, dropout, batch) in [(0, Float(0), 7), (2, 0, 7), (0, 0.3, 7), (9, 0.3, 2)] {
      var options = Self.options(cell, series: 4, known: known)
      options.recurrent.layers = layers
      (options.recurrent.recurrentDropout, options.recurrent.weightDrop) = (dropout, dropout)
      options.statics = 2
      let layer = SegmentForecaster(options)
      layer.build(
        [.sequence(3), .vector()] + (known > 0 ? [.sequence(known)] : []) + [.vector(2)],
        BuildContext(name: "f", stream: RandomStream(seed: 1, name: "test")))
      for (name, parameter) in layer.namedParameters() {
        parameter.assign(Self.random(parameter.shape, name) * 0.5)
      }
      var values = [
        LayerValue(Self.random([4, batch, 3], "x")), LayerValue(Tensor((0..<batch).map { Float($0 % 6) })),
      ]
      if known > 0 { values.append(LayerValue(Self.random([5, batch, known], "known"))) }
      values.append(LayerValue(Self.random([batch, 2], "statics")))
      let weights = Self.random([5, batch, 3], "weights")
      func run(_ observer: LayerObserver?) -> (
        forecast: [Float], gradients: [(name: String, values: [Float])]
      ) {
        let parameters = ParameterSet(layer)
        parameters.zeroGradients()
        let forecast = layer(values, .training(seed: 5, step: 2, observer: observer))[0].tensor
        (forecast * weights).sum().backward()
        return (
          forecast.scalars, layer.namedParameters().map { ($0.name, $0.parameter.gradient.scalars) }
        )
      }
      var observed = 0
      let (found, expected) = (run(nil), run { _, _ in observed += 1 })
      #expect(observed > 0)
      func far(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).map { abs($0 - $1) }.max() ?? .infinity }
      #expect(found.forecast.contains { $0 != 0 })
      #expect(far(found.forecast, expected.forecast) < 1e-5, "\(known) known, dropout \(dropout)")
      for (own, other) in zip(found.gradients, expected.gradients) {
        let scale = other.values.map(abs).max() ?? 0
        #expect(
          far(own.values, other.values) <= 1e-5 * max(1, scale),
          "\(own.name), \(known) known, dropout \(dropout)")
      }
    }
  }

  @Test("Options that make no layer are named")
  func problems() {
    var options = Self.options()
    options.horizonSegment = 6
    #expect(options.problem == "horizon_segment: expected at most the horizon, 5, found 6")
    options = Self.options()
    options.segment = 0
    #expect(options.problem?.hasPrefix("segment: expected 1") == true)
    options = Self.options()
    options.recurrent.isBidirectional = true
    #expect(options.problem?.hasPrefix("recurrent: expected layers of one direction") == true)
  }
}
