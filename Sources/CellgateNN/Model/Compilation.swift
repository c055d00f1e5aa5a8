/// How a model is trained and judged.
public struct Compilation: Sendable {
  /// The optimiser and its settings.
  public var optimizer: OptimizerChoice
  /// The loss of each output.
  public var losses: [Loss]
  /// What each output's loss is multiplied by in their sum.
  public var lossWeights: [Float]
  /// What is reported besides the loss, of each output.
  public var metrics: [ModelMetric]
  /// The largest norm of all gradients together; nil for no limit.
  public var clipNorm: Double?
  /// The largest magnitude of each gradient; nil for no limit.
  public var clipValue: Float?
}

/// An optimiser by its name and settings.
public struct OptimizerChoice: Sendable, Equatable {
  /// A name in `Optimizers`.
  public var name: String
  /// The settings.
  public var settings: OptimizerSettings

  /// The optimiser of this name.
  public init(_ name: String, settings: OptimizerSettings = OptimizerSettings()) {
    self.name = name
    self.settings = settings
  }

  /// Adam (Kingma and Ba 2015).
  public static func adam(learningRate: Float = 1e-3, beta1: Float = 0.9, beta2: Float = 0.999)
    -> OptimizerChoice
  {
    var settings = OptimizerSettings(learningRate: learningRate)
    (settings.beta1, settings.beta2) = (beta1, beta2)
    return OptimizerChoice("adam", settings: settings)
  }

  /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
  public static func adamW(learningRate: Float = 1e-3, weightDecay: Float = 0.01) -> OptimizerChoice {
    var settings = OptimizerSettings(learningRate: learningRate)
    settings.weightDecay = weightDecay
    return OptimizerChoice("adamw", settings: settings)
  }

  /// Gradient descent, with momentum.
  public static func sgd(learningRate: Float = 0.01, momentum: Float = 0, nesterov: Bool = false)
    -> OptimizerChoice
  {
    var settings = OptimizerSettings(learningRate: learningRate)
    (settings.momentum, settings.nesterov) = (momentum, nesterov)
    return OptimizerChoice("sgd", settings: settings)
  }

  /// RMSprop (Hinton 2012), with Keras' smoothing.
  public static func rmsprop(learningRate: Float = 1e-3, smoothing: Float = 0.9, momentum: Float = 0)
    -> OptimizerChoice
  {
    var settings = OptimizerSettings(learningRate: learningRate)
    (settings.smoothing, settings.momentum) = (smoothing, momentum)
    return OptimizerChoice("rmsprop", settings: settings)
  }

  /// Adam at 1e-3.
  public static let adam = OptimizerChoice.adam()
  /// AdamW at 1e-3.
  public static let adamW = OptimizerChoice.adamW()
  /// Gradient descent at 0.01.
  public static let sgd = OptimizerChoice.sgd()
  /// RMSprop at 1e-3.
  public static let rmsprop = OptimizerChoice.rmsprop()
}

extension Model {
  /// Says how the model is trained and judged.
  ///
  /// - Parameters:
  ///   - loss: the loss of the only output, or of every output.
  ///   - metrics: what is reported besides.
  ///   - clipNorm: the largest norm of all gradients together.
  ///   - clipValue: the largest magnitude of each gradient.
  public func compile(
    optimizer: OptimizerChoice = .rmsprop, loss: Loss, metrics: [ModelMetric] = [], clipNorm: Double? = nil,
    clipValue: Float? = nil
  ) {
    compile(
      optimizer: optimizer, losses: [loss], metrics: metrics, clipNorm: clipNorm, clipValue: clipValue)
  }

  /// Says how a model of several outputs is trained and judged: a loss for each, or one for all, and what each is
  /// multiplied by in their sum; nil for 1 each.
  public func compile(
    optimizer: OptimizerChoice = .rmsprop, losses: [Loss], lossWeights: [Float]? = nil,
    metrics: [ModelMetric] = [], clipNorm: Double? = nil, clipValue: Float? = nil
  ) {
    compilation = Compilation(
      optimizer: optimizer, losses: losses, lossWeights: lossWeights ?? losses.map { _ in 1 },
      metrics: metrics,
      clipNorm: clipNorm, clipValue: clipValue)
  }
}
