import CellgateBasics
import CellgateNN
import CellgateTensor

/// A measured value, of the training or the validation data.
public struct MetricValue: Sendable, Equatable {
  /// The data that a value is of.
  public enum Part: Sendable { case training, validation }

  /// What was measured.
  public var metric: Metric
  /// What came out.
  public var value: Double
  /// The data that it is of.
  public var part: Part

  /// The metric's name, after "val_" where it is of the validation data: "loss", "val_loss".
  public var name: String { (part == .validation ? "val_" : "") + metric.name }

  /// A value of `metric`.
  public init(_ metric: Metric, _ value: Double, part: Part = .validation) {
    self.metric = metric
    self.value = value
    self.part = part
  }

  /// A value of a metric by name, and which values of it are better.
  public init(_ name: String, _ value: Double, better: Metric.Direction, part: Part = .validation) {
    self.init(Metric(name, better: better), value, part: part)
  }
}

/// One update.
public struct UpdateRecord: Sendable, Equatable {
  /// Updates made, this one included.
  public var step: Int
  /// Its loss.
  public var loss: Double
  /// Its learning rate.
  public var learningRate: Double
  /// The norm of its gradients, before clipping by norm.
  public var gradientNorm: Double
}

/// What was measured in the course of training, after some update.
public struct TrainingRecord: Sendable, Equatable {
  /// Updates made.
  public var step: Int
  /// The epoch, from 1 on; the number of the record where there are no epochs.
  public var epoch: Int
  /// The mean training loss since the last record; at the end of an epoch that of the epoch.
  public var trainingLoss: Double
  /// What the evaluation gave, and the training loss as "loss" unless the evaluation gave one.
  public var values: [MetricValue]
  /// The learning rate of the last update.
  public var learningRate: Double
  /// The norm of the last update's gradients, before clipping by norm.
  public var gradientNorm: Double

  /// The value of this name; nil where there is none.
  public subscript(name: String) -> Double? { values.first { $0.name == name }?.value }

  /// The value of this name; throws `TrainingError.settings` with the names that there are.
  func required(_ name: String) throws(TrainingError) -> MetricValue {
    guard let value = values.first(where: { $0.name == name }) else {
      throw .settings(
        SettingsErrors([.unknownName(option: "monitor", found: name, known: values.map(\.name))]))
    }
    return value
  }
}

/// A number that became NaN or infinite in training.
public struct NonFinite: Sendable, Equatable {
  /// Where it is.
  public enum Place: Sendable, Equatable {
    /// The loss of an update.
    case loss
    /// The norm of an update's gradients.
    case gradientNorm
    /// A parameter by its name, seen before an evaluation.
    case parameter(String)
  }

  /// Where it is.
  public let place: Place
  /// The number.
  public let value: Float
  /// The update, counted from 1, in whose course it was seen.
  public let step: Int

  /// "NaN" or "infinity".
  public var found: String { value.isNaN ? "NaN" : "infinity" }

  /// The first parameter, or else gradient, that is not finite, or else what was seen.
  func divergence(in parameters: ParameterSet) -> Divergence {
    func divergence(_ layer: String, _ tensor: String) -> Divergence {
      Divergence(step: step, layer: layer, tensor: tensor, found: found, savedStep: nil)
    }
    func divergence(_ name: String, prefix: String) -> Divergence {
      let parts = name.split(separator: ".")
      return divergence(parts.dropLast().joined(separator: "."), prefix + String(parts.last ?? ""))
    }
    if let name = parameters.firstNonFiniteValue() { return divergence(name, prefix: "") }
    switch place {
    case .loss: return divergence("loss", "loss")
    case .gradientNorm:
      return parameters.firstNonFiniteGradient().map { divergence($0, prefix: "gradient of ") }
        ?? divergence("gradient norm", "gradient norm")
    case .parameter(let name): return divergence(name, prefix: "")
    }
  }
}
