import CellgateBasics
import CellgateTensor

/// What a module is made of.
public enum Member {
  /// A parameter under its name.
  case parameter(String, Parameter)
  /// Numbers under their name that are kept with the parameters and not learned.
  case buffer(String, Buffer)
  /// A part under its name, which goes before the names inside it.
  case module(String, any Module)
}

/// Numbers that a module keeps and doesn't learn, such as running means.
public final class Buffer {
  /// What holds them: a run keeps them beside the parameters, and no optimiser changes them.
  let parameter: Parameter

  /// The present numbers, whose shape stays.
  public var value: Tensor { parameter.value }

  /// Numbers that start from a copy of `value`.
  public init(_ value: Tensor) { parameter = Parameter(value) }

  /// The numbers of a parameter that isn't to be learned.
  init(keeping parameter: Parameter) { self.parameter = parameter }

  /// Copies the numbers of `tensor`, of the same shape.
  public func assign(_ tensor: Tensor) {
    require(tensor.shape == value.shape, "Buffer.assign: expected \(value.shape), found \(tensor.shape)")
    parameter.assign(tensor)
  }
}

/// A part of a model that holds parameters.
///
///     final class Classifier: Module {
///       let hidden, output: Linear
///       var members: [Member] { [.module("hidden", hidden), .module("output", output)] }
///     }
public protocol Module: AnyObject {
  /// The parameters and parts, in a fixed order; names are not empty, have no dot, and differ.
  var members: [Member] { get }
  /// The linear maps among the parts, which trained models compute in signed bytes: those of all members, unless a module whose members
  /// are a map's own parameters says so.
  var linearMaps: [Linear] { get }
}

extension Module {
  /// All parameters under their dotted names ("hidden.weight"), in the order of `members`. A parameter held
  /// in two places (tied weights) appears under both names.
  public func namedParameters() -> [(name: String, parameter: Parameter)] {
    namedTensors().compactMap { name, held in
      if case .parameter(let parameter) = held { (name, parameter) } else { nil }
    }
  }

  /// All parameters and buffers under their dotted names, in the order of `members`.
  func namedTensors() -> [(name: String, held: HeldTensor)] {
    var result: [(name: String, held: HeldTensor)] = []
    collect(prefix: "", into: &result)
    var seen: Set<String> = []
    for (name, _) in result {
      require(
        seen.insert(name).inserted,
        "Module: expected parameters of different names, found two named '\(name)'")
    }
    return result
  }

  /// Those of the parts.
  public var linearMaps: [Linear] {
    members.flatMap { member in
      if case .module(_, let module) = member { module.linearMaps } else { [Linear]() }
    }
  }

  private func collect(prefix: String, into result: inout [(name: String, held: HeldTensor)]) {
    for member in members {
      switch member {
      case .parameter(let name, let parameter):
        result.append((prefix + checked(name), .parameter(parameter)))
      case .buffer(let name, let buffer):
        result.append((prefix + checked(name), .buffer(buffer)))
      case .module(let name, let module):
        module.collect(prefix: prefix + checked(name) + ".", into: &result)
      }
    }
  }

  private func checked(_ name: String) -> String {
    require(
      !name.isEmpty && !name.contains("."), "Module: expected a member's name without a dot, found '\(name)'"
    )
    return name
  }
}

/// A parameter or a buffer.
enum HeldTensor {
  case parameter(Parameter)
  case buffer(Buffer)

  var value: Tensor {
    switch self {
    case .parameter(let parameter): parameter.value
    case .buffer(let buffer): buffer.value
    }
  }

  func assign(_ tensor: Tensor) {
    switch self {
    case .parameter(let parameter): parameter.assign(tensor)
    case .buffer(let buffer): buffer.assign(tensor)
    }
  }
}
