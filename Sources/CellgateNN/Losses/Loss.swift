import CellgateBasics
import CellgateTensor

/// A loss of a model's output, by name.
///
/// It is the mean over rows: each value of a batch, or each valid step of its sequences, weighed by the row's weight.
public struct Loss: Sendable, Equatable, CustomStringConvertible {
  /// The name in files and on the command line: "mean_squared_error".
  public let name: String
  /// Other names, such as Keras'.
  public let aliases: [String]
  /// Whether the target of each row is the number of a class, and not as many numbers as the output has.
  public let takesClasses: Bool

  private let mean: @Sendable (_ output: LayerValue, _ target: Tensor, _ weights: [Float]?) -> Tensor

  /// A loss by its name and the mean over rows that are weighed by `weights` [rows], nil for rows of one weight.
  public init(
    _ name: String, aliases: [String] = [], takesClasses: Bool = false,
    mean: @escaping @Sendable (_ output: LayerValue, _ target: Tensor, _ weights: [Float]?) -> Tensor
  ) {
    self.name = name
    self.aliases = aliases
    self.takesClasses = takesClasses
    self.mean = mean
  }

  /// A loss of one's own by its name and the loss of each number, for outputs and targets of one shape `[…, K]`: it is the mean
  /// over them, the rows weighed and those that are masked left out. Gradients reach the output alone.
  ///
  /// ```swift
  /// let pinball = Loss("pinball") { y, target in ((target - y) * 0.9).maximum((target - y) * -0.1) }
  /// ```
  public init(
    _ name: String, aliases: [String] = [],
    each: @escaping @Sendable (_ output: Tensor, _ target: Tensor) -> Tensor
  ) {
    self.init(name, aliases: aliases) { output, target, weights in
      Self.mean(each(output.tensor, target.detached), weights)
    }
  }

  /// The mean [] of an output `[…, K]` for a target of its shape, or for classes `[…]`. `weights` [rows] weigh the rows; a
  /// mask leaves out its steps.
  public func callAsFunction(_ output: LayerValue, target: Tensor, weights: [Float]? = nil) -> Tensor {
    mean(output, target, Self.weights(of: output, weights))
  }

  /// What the rows of an output weigh, [rows], with those that are masked; nil where all weigh 1.
  package static func weights(of output: LayerValue, _ weights: [Float]?) -> [Float]? {
    guard let mask = output.mask, output.tensor.rank >= 3 else { return weights }
    let shape = output.tensor.shape
    let valid = mask.flags(steps: shape[0], batch: shape[1])
    let inner = shape[2..<(shape.count - 1)].reduce(1, *)
    let rows = valid.count * inner
    return (0..<rows).map { valid[$0 / inner] ? weights?[$0] ?? 1 : 0 }
  }

  /// The same name.
  public static func == (left: Loss, right: Loss) -> Bool { left.name == right.name }
  /// The name.
  public var description: String { name }
}

extension Loss {
  /// The mean over weighed rows of `rows`, a loss of each number `[…, K]`.
  private static func mean(_ losses: Tensor, _ weights: [Float]?) -> Tensor {
    guard losses.count > 0 else { return losses.sum() }
    guard let weights else { return losses.mean() }
    let width = losses.count / max(1, weights.count)
    let shares = Tensor(
      rowWeights(weights.count, weights).map { $0 / Float(width) }, shape: [weights.count, 1])
    return (losses.reshaped([weights.count, width]) * shares).sum()
  }

  /// The mean of (y − t)².
  public static let meanSquaredError = Loss("mean_squared_error", aliases: ["mse"]) {
    output, target, weights in
    let y = output.tensor
    if weights == nil { return CellgateNN.meanSquaredError(y, target: target) }
    return mean((y - target.detached).square(), weights)
  }

  /// The mean of |y − t|.
  public static let meanAbsoluteError = Loss("mean_absolute_error", aliases: ["mae"]) { y, target in
    (y - target).abs()
  }

  /// The mean of d²/2 where d = |y − t| is at most 1, else of d − 1/2 (Huber 1964,
  /// https://doi.org/10.1214/aoms/1177703732).
  public static let huber = Loss("huber") { y, target in
    let distance = (y - target).abs()
    let near = distance.minimum(Tensor(1))
    return near * (distance - near * 0.5)
  }

  /// −t ln p − (1 − t) ln(1 − p) for targets t in [0, 1], p = σ(logit): of an output of a sigmoid, or of logits.
  public static let binaryCrossEntropy = Loss(
    "binary_cross_entropy", aliases: ["binary_crossentropy", "bce"]
  ) { output, target, weights in
    let logits = output.logits?.tensor ?? output.tensor
    let mask = weights.map { weights in
      let width = logits.count / max(1, weights.count)
      return Tensor(weights.flatMap { Array(repeating: $0, count: width) }, shape: logits.shape)
    }
    return CellgateNN.binaryCrossEntropy(logits, targets: target, mask: mask)
  }

  /// −ln p of each row's class: of an output of a softmax, or of logits `[…, C]`, for classes `[…]`.
  public static let sparseCategoricalCrossEntropy = Loss(
    "sparse_categorical_cross_entropy",
    aliases: ["sparse_categorical_crossentropy", "cross_entropy", "crossentropy"], takesClasses: true
  ) { output, target, weights in
    crossEntropy(
      output.logits?.tensor ?? output.tensor, classes: target.scalars.map { Int32($0) }, mask: weights)
  }

  /// −Σ t ln p over the classes, for targets t `[…, C]` that sum to 1: of an output of a softmax, or of logits.
  public static let categoricalCrossEntropy = Loss(
    "categorical_cross_entropy", aliases: ["categorical_crossentropy"]
  ) { output, target, weights in
    let logits = output.logits?.tensor ?? output.tensor
    let terms = (logits.logSoftmax() * target.detached) * Float(-(logits.shape.last ?? 1))
    return mean(terms, weights)
  }
}

/// The losses by name. A new one is a `Loss` and a line here.
public enum Losses {
  /// All of them.
  public static let all: [Loss] = [
    .meanSquaredError, .meanAbsoluteError, .huber, .binaryCrossEntropy, .sparseCategoricalCrossEntropy,
    .categoricalCrossEntropy,
  ]

  /// The loss of a name or an alias; nil where there is none.
  public static func named(_ name: String) -> Loss? {
    all.first { $0.name == name || $0.aliases.contains(name) }
  }
}
