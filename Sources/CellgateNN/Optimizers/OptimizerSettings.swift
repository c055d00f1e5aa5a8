/// The settings of all optimisers; each takes those that it knows. The defaults are PyTorch's.
public struct OptimizerSettings: Sendable, Equatable, Codable {
  /// The first learning rate; nil: the optimiser's default.
  public var learningRate: Float?
  /// SGD and RMSprop: the share of the last step that is repeated.
  public var momentum: Float = 0
  /// SGD: Nesterov's momentum.
  public var nesterov = false
  /// RMSprop: the share of the mean square that stays.
  public var smoothing: Float = 0.99
  /// Adam and AdamW: the share of the mean gradient that stays.
  public var beta1: Float = 0.9
  /// Adam and AdamW: the share of the mean square that stays.
  public var beta2: Float = 0.999
  /// RMSprop, Adam and AdamW: what is added to the root of the mean square.
  public var epsilon: Float = 1e-8
  /// The pull towards zero; nil: the optimiser's default, 0.01 for AdamW, else 0.
  public var weightDecay: Float?

  /// Settings with the defaults.
  public init(learningRate: Float? = nil) {
    self.learningRate = learningRate
  }

  /// Throws for the first setting that is out of its range.
  public func validate() throws(OptimizerError) {
    if let learningRate {
      try check("learning rate", learningRate, "above 0") { $0 > 0 }
    }
    try check("momentum", momentum, "at least 0 and below 1") { $0 >= 0 && $0 < 1 }
    try check("smoothing", smoothing, "at least 0 and below 1") { $0 >= 0 && $0 < 1 }
    try check("beta1", beta1, "at least 0 and below 1") { $0 >= 0 && $0 < 1 }
    try check("beta2", beta2, "at least 0 and below 1") { $0 >= 0 && $0 < 1 }
    try check("epsilon", epsilon, "at least 0") { $0 >= 0 }
    try check("weight decay", weightDecay ?? 0, "at least 0") { $0 >= 0 }
    if nesterov, momentum == 0 {
      throw .badSetting(name: "momentum", expected: "above 0 for Nesterov's momentum", found: "0.0")
    }
  }

  private func check(
    _ name: String, _ value: Float, _ expected: String, _ isValid: (Float) -> Bool
  ) throws(OptimizerError) {
    guard value.isFinite, isValid(value) else {
      throw .badSetting(name: name, expected: expected, found: "\(value)")
    }
  }
}
