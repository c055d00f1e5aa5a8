import CellgateBasics
import CellgateTensor

/// Forecasts a series from its last steps, a segment of steps at a time (SegRNN: Lin et al. 2023,
/// https://arxiv.org/abs/2308.11200), with any cell:
///
///     eₖ = max(Wₑ xₖ + bₑ, 0)            xₖ: the numbers of segment k, S · F
///     h  = the cell's states after e₁ … eₙ
///     zₘ = Pₘ + Eₛ + V fₘ + U s           Pₘ: where segment m lies, Eₛ: the series, fₘ: what is known of its steps, s: of the series
///     yₘ = Wₒ (one step of the same cell from h, reading zₘ) + bₒ
///
/// All segments of the forecast are made at once: each begins from h, and none waits for another. What the cell's matrices make of h
/// is computed once for all of them, and of z part by part: of P once for each segment, of E once for each series. Without segments of the forecast
/// (`decodesSegments` false) all of it is Wₒ (the output at eₙ + Eₛ + V f + U s) + bₒ.
///
/// With `seasons` N > 0 a linear map of what was at the same place of the last N seasons of P steps is added, which costs N numbers for each
/// season of the forecast (SparseTSF: Lin et al. 2024, https://arxiv.org/abs/2405.00946); a season of one step makes it a linear
/// autoregression:
///
///     y of step P m + p  +=  Σₙ Aₘₙ · the first number of step T + P (n − N) + p
///
/// It is added to the first `locations` outputs of a step: those that are places, such as a mean, and not widths.
///
/// With a `transformer` its layers read e₁ … eₙ and z₁ … zₘ as one sequence, in which every step sees every step, and yₘ is made of the output at zₘ;
/// without segments of the forecast, of that at eₙ.
///
/// A forecast starts at 0: the head's weights and A do.
///
/// With `pathLags` L > 0 it keeps, for whoever draws paths of a forecast, the partial autocorrelations of its residuals at the lags 1 to L as the
/// buffer `path_correlation` [L], which starts at 0 and changes no forecast.
///
/// Inputs are steps `[T, B, F]`, T a multiple of S; with `series` C > 1 the number of each one's series, `[B]`, of which 0 and whatever lies
/// past C are series that training had none of; with `known` K > 0 what is known of the steps that are forecast, `[horizon, B, K]`; with
/// `pastCategories` C the numbers of categories at each step, `[T, B, C]`, and with `knownCategories` those of the last of them at the steps that are
/// forecast, `[horizon, B, …]`; with `statics` M numbers of each one's series, `[B, M]`, and with `staticCategories` the numbers of
/// its categories, `[B, …]`. A category's learned vector stands beside the numbers that it is known with. The
/// output is `[horizon, B, outputs]`.
///
/// Parameters are `encoder.weight` [E, S · F], `encoder.bias`, those of `recurrent` or `transformer`, `position` [segments, E], which starts normal
/// with deviation 1, `series` [C + 1, E], which starts at 0, `category_1` and so on [V + 1, size], which start at 0, `static.weight`, `known.weight` [E, R · K], `head.weight` [R · outputs, H], `head.bias`, and
/// `seasonal` [seasons of the forecast, N]; E is the cell's H, and R the steps of a segment of the forecast.
public final class SegmentForecaster: Layer {
  /// "segment_forecaster".
  public static let kind = "segment_forecaster"

  /// What it was made with.
  public let options: Options
  private let body: SequenceBody
  private let noise: Dropout
  private struct Parts {
    let encoder: Linear, position: Parameter?, series: Parameter?, known: Linear?, head: Linear
    let categories: [Parameter], statics: Linear?
    let seasonal: Parameter?
    let paths: Buffer?
    /// How the segments of a forecast are made of products; nil where the cell computes these.
    let branches: RecurrentBranches?
  }
  private var own: Parts?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "SegmentForecaster: \(options.problem ?? "")")
    self.options = options
    body =
      options.transformer.map { .transformer(TransformerEncoder($0)) }
      ?? .recurrent(Recurrent(DecoderCell.options(options.recurrent)))
    noise = Dropout(probability: options.dropout, name: "head")
  }

  private var built: Parts {
    guard let own else { fail("SegmentForecaster: expected a layer that is built, found one without inputs") }
    return own
  }

  /// E.
  private var width: Int { options.recurrent.units }

  /// Numbers of an output of the recurrent layers or of the Transformer.
  private var bodySize: Int { body.recurrent?.outputSize ?? width }

  /// Those of the maps and the cell.
  public var members: [Member] {
    guard let own else { return [] }
    return [.module("encoder", own.encoder), .module(body.name, body.layer)]
      + (own.position.map { [.parameter("position", $0)] } ?? [])
      + (own.series.map { [.parameter("series", $0)] } ?? [])
      + own.categories.enumerated().map { .parameter("category_\($0 + 1)", $1) }
      + (own.statics.map { [.module("static", $0)] } ?? [])
      + (own.known.map { [.module("known", $0)] } ?? []) + [.module("head", own.head)]
      + (own.seasonal.map { [.parameter("seasonal", $0)] } ?? [])
      + (own.paths.map { [.buffer("path_correlation", $0)] } ?? [])
  }

  /// The partial autocorrelations of the residuals of a forecast's steps, of a layer that is built; nil where none are kept.
  public var pathCorrelation: Buffer? { own?.paths }

  /// Takes steps, then the number of the series where there are several, then what is known.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let rest = extras.map(\.shape)
    guard let first = inputs.first, first.isSequence, first.features.count == 1,
      inputs.dropFirst().elementsEqual(rest)
    else {
      throw .badInput(
        layer: Self.kind,
        expected: (["a sequence [T, B, F]"] + rest.map(\.description)).joined(separator: ", "),
        found: "\(inputs.map(\.description))")
    }
    let (size, overflows) = (first.features[0] + options.pastVectors)
      .multipliedReportingOverflow(by: options.segment)
    guard !overflows, size <= SizeCheck.most else {
      throw .badInput(
        layer: Self.kind, expected: "at most \(SizeCheck.most) numbers of a segment", found: "\(first)")
    }
    return [.sequence(options.outputs)]
  }

  /// What goes in besides the steps.
  private enum Extra { case series, known, pastCategories, knownCategories, statics, staticCategories }

  /// The inputs after the steps, in their order.
  private var extras: [(kind: Extra, shape: LayerShape)] {
    var inputs: [(kind: Extra, shape: LayerShape)] = []
    if options.series > 1 { inputs.append((.series, .vector())) }
    if options.known > 0 { inputs.append((.known, .sequence(options.known))) }
    if let own = options.pastCategories, !own.isEmpty {
      inputs.append((.pastCategories, .sequence(own.count)))
    }
    if let own = options.knownCategories, own > 0 { inputs.append((.knownCategories, .sequence(own))) }
    if let own = options.statics, own > 0 { inputs.append((.statics, .vector(own))) }
    if let own = options.staticCategories, !own.isEmpty {
      inputs.append((.staticCategories, .vector(own.count)))
    }
    return inputs
  }

  /// The categories of all columns, the past ones and then the static ones.
  private var categories: [Category] { (options.pastCategories ?? []) + (options.staticCategories ?? []) }

  /// Those of the maps and the cell.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    var shapes: [AnySequence<ParameterShape>] = []
    func add(_ some: [ParameterShape]) { shapes.append(AnySequence(some)) }
    let size = ((inputs.first?.features.first ?? 1) + options.pastVectors) * options.segment
    add(Linear.parameterShapes(inputSize: size, outputSize: width).map { $0.inside("encoder") })
    let name = body.name
    shapes.append(
      AnySequence(body.layer.parameterShapes([.sequence(width)]).lazy.map { $0.inside(name) }))
    if options.decodesSegments { add([ParameterShape("position", [options.segments, width])]) }
    if options.series > 1 { add([ParameterShape("series", [options.series + 1, width])]) }
    add(
      categories.enumerated().map { ParameterShape("category_\($0 + 1)", [$1.count + 1, $1.size]) })
    if options.staticWidth > 0 { add([ParameterShape("static.weight", [width, options.staticWidth])]) }
    if options.knownWidth > 0 {
      add([ParameterShape("known.weight", [width, options.stepsOfHead * options.knownWidth])])
    }
    add(
      Linear.parameterShapes(
        inputSize: bodySize, outputSize: options.stepsOfHead * options.outputs
      ).map { $0.inside("head") })
    if options.seasons > 0 {
      add([ParameterShape("seasonal", [options.seasonsOfForecast, options.seasons])])
    }
    if let lags = options.pathLags, lags > 0 { add([ParameterShape("path_correlation", [lags])]) }
    return AnySequence(shapes.lazy.joined())
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let stream = context.stream
    let size = ((inputs.first?.features.first ?? 1) + options.pastVectors) * options.segment
    switch body {
    case .recurrent(let recurrent):
      recurrent.build(
        inputSize: width, name: options.recurrent.noise ?? context.name + "/recurrent",
        context.inside("recurrent"))
    case .transformer(let transformer):
      transformer.build(
        [.sequence(width)], context.inside("transformer", named: context.name + "/transformer"))
    }
    let normal = Initializer.normal(standardDeviation: 1)
    own = Parts(
      encoder: Linear(inputSize: size, outputSize: width, stream: stream.child("encoder")),
      position: options.decodesSegments
        ? Parameter(normal([options.segments, width], stream: stream.child("position"))) : nil,
      series: options.series > 1 ? Parameter(.zeros([options.series + 1, width])) : nil,
      known: options.knownWidth > 0
        ? Linear(
          inputSize: options.stepsOfHead * options.knownWidth, outputSize: width, hasBias: false,
          stream: stream.child("known")) : nil,
      head: Linear(
        inputSize: bodySize, outputSize: options.stepsOfHead * options.outputs,
        stream: stream.child("head"), weightInitializer: .zeros, biasInitializer: .zeros),
      categories: categories.map { Parameter(.zeros([$0.count + 1, $0.size])) },
      statics: options.staticWidth > 0
        ? Linear(
          inputSize: options.staticWidth, outputSize: width, hasBias: false, stream: stream.child("static"))
        : nil,
      seasonal: options.seasons > 0 ? Parameter(.zeros([options.seasonsOfForecast, options.seasons])) : nil,
      paths: options.pathLags.flatMap { $0 > 0 ? Buffer(.zeros([$0])) : nil },
      branches: options.decodesSegments ? body.recurrent.flatMap(RecurrentBranches.init) : nil)
  }

  /// The forecast `[horizon, B, outputs]`.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let own = built
    let x = inputs[0].tensor
    let (steps, batch) = (x.shape[0], x.shape[1])
    require(
      steps % options.segment == 0,
      "SegmentForecaster: expected a multiple of \(options.segment) steps, found \(steps)")
    let count = steps / options.segment
    let given = zip(extras, inputs.dropFirst())
    func input(_ kind: Extra) -> Tensor? { given.first { $0.0.kind == kind }?.1.tensor }
    let past = options.pastCategories ?? []
    let vectors = input(.pastCategories).map { self.vectors($0, past, own.categories[...]) } ?? []
    let read = vectors.isEmpty ? x : concatenated([x] + vectors)
    var encoded = own.encoder(
      segmented(read, of: options.segment, count: count, size: read.shape[2])
    ).relu()
    // What all z are read with, each part of them by itself: of a part that is the same for many z the products are computed once.
    let branches = context.observer == nil ? own.branches : nil
    let reader = branches?.map
    func taken(_ z: Tensor) -> Tensor { reader.map { linear(z, weight: $0) } ?? z }
    var extra: Tensor?
    if let table = own.series, let numbers = input(.series) {
      // What is no number of a series is one that is not known.
      let category = Category(count: options.series, size: width)
      let rows = numbers.scalars.map { category.row($0) }
      extra =
        options.series < batch
        ? embedding(rows, shape: [batch], table: taken(table.tensor))
        : taken(embedding(rows, shape: [batch], table: table.tensor))
    }
    if let map = own.statics {
      let tables = own.categories[past.count...]
      let parts =
        (input(.statics).map { [$0] } ?? [])
        + (input(.staticCategories).map { self.vectors($0, options.staticCategories ?? [], tables) } ?? [])
      let statics = taken(map(concatenated(parts)))
      extra = extra.map { $0 + statics } ?? statics
    }
    let known = own.known.map { map -> Tensor in
      let first = past.count - (options.knownCategories ?? 0)
      let parts =
        (input(.known).map { [$0] } ?? [])
        + (input(.knownCategories).map {
          self.vectors($0, Array(past[first...]), own.categories[first..<past.count])
        } ?? [])
      let given = concatenated(parts)
      let (whole, size) = (options.segments * options.stepsOfHead, options.knownWidth)
      let padded =
        whole == options.horizon
        ? given : concatenated([given, .zeros([whole - options.horizon, batch, size])], axis: 0)
      let known = segmented(padded, of: options.stepsOfHead, count: options.segments, size: size)
      // The product of both maps is taken first where that is less to compute.
      if let reader, known.shape[2] < width {
        return linear(known, weight: matmul(reader, map.weight.tensor))
      }
      return taken(map(known))
    }
    let last: Tensor
    if let position = own.position {
      let segments = options.segments
      var z = taken(position.tensor).unsqueezed(axis: 1)
      if let extra { z = z + extra }
      if let known { z = z + known }
      z = z.broadcast(to: [segments, batch, z.shape[2]])
      switch body {
      case .recurrent(let recurrent):
        let states = recurrent(encoded, context: context, wantsOutput: false).finalStates
        if let branches {
          last = branches(z, from: states, context)
          break
        }
        let repeated = states.map { state in
          let (layers, units) = (state.shape[0], state.shape[2])
          return state.unsqueezed(axis: 1).broadcast(to: [layers, segments, batch, units])
            .reshaped([layers, segments * batch, units])
        }
        last =
          recurrent(
            z.reshaped([1, segments * batch, width]), states: repeated, context: context, wantsOutput: false
          ).last
      case .transformer(let transformer):
        let all = transformer.run(concatenated([encoded, z], axis: 0), context).output
        last = all[count..<count + segments].reshaped([segments * batch, width])
      }
    } else {
      if let extra { encoded = encoded + extra }
      if let known { encoded = encoded + known }
      last = body(encoded, context: context, wantsOutput: false).last
    }
    let (segments, long) = (options.segments, options.stepsOfHead)
    let made = own.head(noise(last, context))
      .reshaped([segments, batch, long, options.outputs]).permuted([0, 2, 1, 3])
      .reshaped([segments * long, batch, options.outputs])
    let forecast = segments * long == options.horizon ? made : made[0..<options.horizon]
    guard let map = own.seasonal else { return [LayerValue(forecast)] }
    return [LayerValue(forecast + seasonal(x, map.tensor))]
  }

  /// The vectors of categories by their numbers [.., C], each [.., size].
  private func vectors(
    _ numbers: Tensor, _ categories: [Category], _ tables: ArraySlice<Parameter>
  ) -> [Tensor] {
    zip(numbers.split(sizes: categories.map { _ in 1 }), zip(categories, tables)).map { numbers, own in
      embedding(
        numbers.scalars.map { own.0.row($0) }, shape: Array(numbers.shape.dropLast()), table: own.1.tensor)
    }
  }

  /// What is read linearly of steps `[T, B, F]`: `[horizon, B, outputs]`.
  private func seasonal(_ x: Tensor, _ map: Tensor) -> Tensor {
    let (steps, batch, horizon) = (x.shape[0], x.shape[1], options.horizon)
    let count = options.seasons * options.season
    require(
      count <= steps,
      "SegmentForecaster: expected the \(count) steps of \(options.seasons) seasons or more, found \(steps)")
    let numbers = x[(steps - count)..<steps].sliced(0..<1, axis: 2)
      .reshaped([options.seasons, options.season * batch])
    let all = matmul(map, numbers).reshaped([options.seasonsOfForecast * options.season, batch, 1])
    let own = all[0..<horizon].broadcast(to: [horizon, batch, options.locations])
    let rest = options.outputs - options.locations
    return rest == 0 ? own : concatenated([own, .zeros([horizon, batch, rest])])
  }

  /// Steps `[n · S, B, F]` as segments `[n, B, S · F]`.
  private func segmented(_ x: Tensor, of steps: Int, count: Int, size: Int) -> Tensor {
    if steps == 1 { return x }
    let batch = x.shape[1]
    return x.reshaped([count, steps, batch, size]).permuted([0, 2, 1, 3])
      .reshaped([count, batch, steps * size])
  }
}
