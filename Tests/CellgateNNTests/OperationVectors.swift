import CellgateFiles
import CellgateNN
import CellgateTensor
import Foundation
import Testing

/// PyTorch's autograd in Double for operations and losses, case by case. `Golden/operations/README.md` says what a case
/// holds.
///
/// The cases are those of the folder in `$CELLGATE_OPERATIONS`, or else the project's own.
@Suite("OperationVectors")
struct OperationVectors {
  @Test("There are cases, and those of operations that don't exist are named")
  func thereAreCases() throws {
    #expect(!(try VectorCase.list()).isEmpty, "no case in \(VectorCase.folder.path)")
    let missing = Set(VectorCase.all.filter { !$0.exists }.map(\.operation)).sorted()
    if !missing.isEmpty { print("missing operations: " + missing.joined(separator: ", ")) }
    #expect(missing.count < Set(VectorCase.all.map(\.operation)).count, "no case of an operation that exists")
  }

  /// Float32 sums and functions of some dozen terms.
  @Test("Agrees to 1e-5, forward and backward", arguments: VectorCase.all.filter(\.exists))
  func agreement(_ vector: VectorCase) throws {
    let file = try vector.load()
    let outputs = try file.apply()
    var loss = Tensor(0)
    for (name, output) in outputs {
      try file.compare("out.\(name)", output)
      let cotangent = try file.tensor("cotangent.\(name)", as: { Float($0) })
      loss = loss + (output * cotangent).sum()
    }
    let expected = file.names("out.")
    #expect(Set(outputs.map(\.name)) == Set(expected), "outputs \(expected)")
    loss.backward()
    for (name, parameter) in file.parameters { try file.compare("grad.\(name)", parameter.gradient) }
  }
}

/// One line of `index.json`: a file, its operation, and those of the operation's attributes that it has.
struct VectorCase: Decodable, Sendable, CustomTestStringConvertible {
  var file: String
  var operation: String
  var transposeA, transposeB, keep, causal, zeroInfinity: Bool?
  var blank, axis, kernel, stride, padding, dilation, groups, ignored: Int?
  var axes, before, after: [Int]?
  var low, high, exponent, epsilon, labelSmoothing, quantile: Float?
  var approximate, activation: String?
  var heads: Int?
  var normFirst, training: Bool?

  var testDescription: String { file }

  /// Whether Cellgate has the operation.
  var exists: Bool {
    VectorFile.operations[operation] != nil || VectorFile.attention[operation] != nil
      || VectorFile.layers[operation] != nil
  }

  static let folder: URL =
    if let path = ProcessInfo.processInfo.environment["CELLGATE_OPERATIONS"], !path.isEmpty {
      URL(fileURLWithPath: path)
    } else {
      Bundle.module.bundleURL.appendingPathComponent("Golden/operations")
    }

  static func list() throws -> [VectorCase] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let index = folder.appendingPathComponent("index.json")
    return try decoder.decode([VectorCase].self, from: Data(contentsOf: index))
  }

  static let all = (try? list()) ?? []

  func load() throws -> VectorFile {
    try VectorFile(self, Safetensors(path: Self.folder.appendingPathComponent(file).path))
  }
}

/// A case with its tensors: `in.X` as parameters.
struct VectorFile {
  let vector: VectorCase
  let file: Safetensors
  let parameters: [(name: String, parameter: Parameter)]

  init(_ vector: VectorCase, _ file: Safetensors) throws {
    (self.vector, self.file) = (vector, file)
    var parameters: [(name: String, parameter: Parameter)] = []
    for info in file.tensors.sorted(by: { $0.name < $1.name }) where info.name.hasPrefix("in.") {
      let values = try file.doubles(info.name).map { Float($0) }
      parameters.append((String(info.name.dropFirst(3)), Parameter(Tensor(values, shape: info.shape))))
    }
    self.parameters = parameters
  }

  func names(_ prefix: String) -> [String] {
    file.tensors.map(\.name).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
  }

  func tensor(_ name: String, as convert: (Double) -> Float) throws -> Tensor {
    Tensor(try file.doubles(name).map(convert), shape: try file.info(name).shape)
  }

  func compare(_ name: String, _ found: Tensor) throws {
    let expected = try file.doubles(name)
    #expect(found.shape == (try file.info(name).shape), "\(vector.file): \(name)")
    try #require(found.count == expected.count, "\(vector.file): \(name)")
    let scale = max(expected.map(abs).max() ?? 0, .leastNormalMagnitude)
    for (value, exact) in zip(found.scalars, expected) {
      let error = abs(Double(value) - exact)
      #expect(
        error <= 1e-5 * scale, "\(vector.file): \(name) is off by \(error / scale) of its largest magnitude")
    }
  }

  // MARK: The operations, with PyTorch's layouts made Cellgate's

  /// The outputs of the operation.
  func apply() throws -> [(name: String, tensor: Tensor)] {
    if let attention = Self.attention[vector.operation] { return try attention(self) }
    if let layer = Self.layers[vector.operation] { return [("y", try layer(self))] }
    let operation = try #require(Self.operations[vector.operation])
    return [("y", try operation(self))]
  }

  /// An input.
  func input(_ name: String) throws -> Tensor {
    try #require(parameters.first { $0.name == name }?.parameter.tensor, "\(vector.file): no input '\(name)'")
  }

  private func optional(_ name: String) -> Tensor? { parameters.first { $0.name == name }?.parameter.tensor }

  /// Whole numbers that are an argument.
  func integers(_ name: String) throws -> [Int32] { try file.int64s("arg." + name).map { Int32($0) } }

  private static func unary(_ apply: @escaping @Sendable (Tensor) -> Tensor) -> Apply {
    { apply(try $0.input("x")) }
  }

  private static func binary(_ apply: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> Apply {
    { apply(try $0.input("a"), try $0.input("b")) }
  }

  private static func reduction(_ apply: @escaping @Sendable (Tensor, [Int], Bool) -> Tensor) -> Apply {
    { apply(try $0.input("x"), try #require($0.vector.axes), $0.vector.keep ?? false) }
  }

  /// Sequences [N, C, L] are [L, N, C] here.
  private static func overTime(_ apply: @escaping @Sendable (Tensor, VectorFile) throws -> Tensor) -> Apply {
    { try apply(try $0.input("x").permuted([2, 0, 1]), $0).permuted([1, 2, 0]) }
  }

  /// Pictures [N, C, H, W] are [N, H, W, C] here.
  private static func overPictures(_ apply: @escaping @Sendable (Tensor, VectorFile) throws -> Tensor)
    -> Apply
  {
    { try apply(try $0.input("x").permuted([0, 2, 3, 1]), $0).permuted([0, 3, 1, 2]) }
  }

  typealias Apply = @Sendable (VectorFile) throws -> Tensor

  static let operations: [String: Apply] = [elementwise, reductions, moving, products, windows, losses]
    .reduce(into: [:]) { all, some in all.merge(some) { first, _ in first } }

  private static let elementwise: [String: Apply] = [
    "add": binary { $0 + $1 }, "subtract": binary { $0 - $1 }, "multiply": binary { $0 * $1 },
    "divide": binary { $0 / $1 }, "maximum": binary { $0.maximum($1) }, "minimum": binary { $0.minimum($1) },
    "negate": unary { -$0 }, "abs": unary { $0.abs() }, "exp": unary { $0.exp() }, "log": unary { $0.log() },
    "sqrt": unary { $0.sqrt() }, "sigmoid": unary { $0.sigmoid() }, "tanh": unary { $0.tanh() },
    "relu": unary { $0.relu() }, "silu": unary { $0.silu() }, "softplus": unary { $0.softplus() },
    "gelu": { try $0.input("x").gelu($0.vector.approximate == "tanh" ? .tanh : .exact) },
    "power": { try $0.input("x").power(try #require($0.vector.exponent)) },
    "clamp": {
      try $0.input("x").clamp(min: $0.vector.low ?? -.infinity, max: $0.vector.high ?? .infinity)
    },
  ]

  private static let reductions: [String: Apply] = [
    "sum": reduction { $0.sum(axes: $1, keepDims: $2) },
    "mean": reduction { $0.mean(axes: $1, keepDims: $2) },
    "max": reduction { $0.max(axes: $1, keepDims: $2) }, "min": reduction { $0.min(axes: $1, keepDims: $2) },
    "softmax": { try $0.input("x").softmax(axis: try #require($0.vector.axis)) },
    "log_softmax": { try $0.input("x").logSoftmax(axis: try #require($0.vector.axis)) },
  ]

  private static let moving: [String: Apply] = [
    "transpose": { try $0.input("x").permuted(try #require($0.vector.axes)) },
    "concatenate": { file in
      concatenated(file.parameters.map(\.parameter.tensor), axis: try #require(file.vector.axis))
    },
    "pad": {
      try $0.input("x").padded(before: try #require($0.vector.before), after: try #require($0.vector.after))
    },
    "gather": {
      try $0.input("x").gathered(
        try $0.integers("index"), shape: try $0.file.info("arg.index").shape,
        axis: try #require($0.vector.axis))
    },
    "scatter_add": {
      try $0.input("x").scatterAdded(
        try $0.input("values"), at: try $0.integers("index"), axis: try #require($0.vector.axis))
    },
    "embedding": {
      embedding(
        try $0.integers("index"), shape: try $0.file.info("arg.index").shape, table: try $0.input("weight"))
    },
  ]

  private static let products: [String: Apply] = [
    "matmul": {
      matmul(
        try $0.input("a"), try $0.input("b"), transposeA: $0.vector.transposeA ?? false,
        transposeB: $0.vector.transposeB ?? false)
    },
    "layer_norm": {
      layerNorm(
        try $0.input("x"), weight: try $0.input("weight"), bias: try $0.input("bias"),
        epsilon: $0.vector.epsilon ?? 1e-5)
    },
  ]

  private static let windows: [String: Apply] = [
    "conv1d": overTime { x, file in
      conv1d(
        x, weight: try file.input("weight"), bias: file.optional("bias"), stride: file.vector.stride ?? 1,
        padding: Padding(file.vector.padding ?? 0), dilation: file.vector.dilation ?? 1,
        groups: file.vector.groups ?? 1)
    },
    "conv2d": overPictures { x, file in
      conv2d(
        x, weight: try file.input("weight"), bias: file.optional("bias"),
        stride: HeightWidth(file.vector.stride ?? 1), padding: HeightWidth(file.vector.padding ?? 0),
        dilation: HeightWidth(file.vector.dilation ?? 1), groups: file.vector.groups ?? 1)
    },
    "max_pool1d": overTime { x, file in
      maxPool1d(
        x, kernel: try #require(file.vector.kernel), stride: file.vector.stride,
        padding: Padding(file.vector.padding ?? 0))
    },
    "avg_pool1d": overTime { x, file in
      avgPool1d(
        x, kernel: try #require(file.vector.kernel), stride: file.vector.stride,
        padding: Padding(file.vector.padding ?? 0))
    },
    "max_pool2d": overPictures { x, file in
      maxPool2d(
        x, kernel: HeightWidth(try #require(file.vector.kernel)),
        stride: file.vector.stride.map { HeightWidth($0) },
        padding: HeightWidth(file.vector.padding ?? 0))
    },
    "avg_pool2d": overPictures { x, file in
      avgPool2d(
        x, kernel: HeightWidth(try #require(file.vector.kernel)),
        stride: file.vector.stride.map { HeightWidth($0) },
        padding: HeightWidth(file.vector.padding ?? 0))
    },
  ]

  /// Operations of several outputs. Sequences [B, T, K] are [T, B, K] here.
  static let attention: [String: @Sendable (VectorFile) throws -> [(name: String, tensor: Tensor)]] = [
    "additive_attention": { file in
      let keys = try file.input("keys").permuted([1, 0, 2])
      let query = linear(
        try file.input("query"), weight: try file.input("query_weight"), bias: try file.input("bias"))
      let result = additiveAttention(
        query, keys: linear(keys, weight: try file.input("key_weight")), values: keys,
        score: try file.input("score"), seen: try file.integers("lengths").map { [0..<Int($0)] })
      return [("context", result.context), ("weights", result.weights)]
    },
    "scaled_dot_product_attention": { file in
      let lengths =
        file.names("arg.").contains("lengths") ? try file.integers("lengths").map { Int($0) } : nil
      let result = scaledDotProductAttention(
        try file.input("q"), try file.input("k"), try file.input("v"), lengths: lengths,
        isCausal: file.vector.causal ?? false)
      return [("y", result.context), ("weights", result.weights)]
    },
  ]

  private static let losses: [String: Apply] = [
    "crf_log_likelihood": {
      crfLogLikelihood(
        try $0.input("emissions"), tags: try $0.integers("tags"),
        transitions: try $0.input("transitions"), first: try $0.input("start"), last: try $0.input("end"),
        lengths: try $0.integers("lengths").map { Int($0) })
    },
    "ctc_loss": { file in
      let targets = try file.integers("targets")
      let counts = try file.integers("target_lengths").map { Int($0) }
      let width = targets.count / counts.count
      return ctcLoss(
        try file.input("logits"),
        targets: counts.enumerated().map { Array(targets[$0 * width..<$0 * width + $1]) },
        lengths: try file.integers("input_lengths").map { Int($0) }, blank: file.vector.blank ?? 0,
        zeroInfinity: file.vector.zeroInfinity ?? false)
    },
    "cross_entropy": { file in
      let classes = try file.integers("classes")
      return crossEntropy(
        try file.input("logits"), classes: classes,
        mask: classes.map { $0 == Int32(file.vector.ignored ?? -1) ? 0 : 1 },
        labelSmoothing: file.vector.labelSmoothing ?? 0)
    },
    "binary_cross_entropy": {
      binaryCrossEntropy(try $0.input("logits"), targets: try $0.tensor("arg.target") { Float($0) })
    },
    "quantile_loss": {
      quantileLoss(
        try $0.input("prediction"), target: try $0.tensor("arg.target") { Float($0) },
        quantile: try #require($0.vector.quantile))
    },
    "gaussian_nll": {
      gaussianNLL(
        mean: try $0.input("mean"), variance: try $0.input("variance"),
        target: try $0.tensor("arg.target") { Float($0) })
    },
    "student_t_nll": {
      studentTNLL(
        location: try $0.input("loc"), scale: try $0.input("scale"), degrees: try $0.input("df"),
        target: try $0.tensor("arg.target") { Float($0) })
    },
    "negative_binomial_nll": {
      negativeBinomialNLL(
        mean: try $0.input("mean"), shape: try $0.input("shape"),
        target: try $0.tensor("arg.target") { Float($0) })
    },
  ]
}
