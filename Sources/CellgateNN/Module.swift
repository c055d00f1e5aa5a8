import CellgateBasics
import CellgateTensor

/// What a module is made of.
public enum Member {
  /// A parameter under its name.
  case parameter(String, Parameter)
  /// A part under its name, which goes before the names inside it.
  case module(String, any Module)
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
}

extension Module {
  /// All parameters under their dotted names ("hidden.weight"), in the order of `members`. A parameter held
  /// in two places (tied weights) appears under both names.
  public func namedParameters() -> [(name: String, parameter: Parameter)] {
    var result: [(name: String, parameter: Parameter)] = []
    collect(prefix: "", into: &result)
    var seen: Set<String> = []
    for (name, _) in result {
      require(
        seen.insert(name).inserted,
        "Module: expected parameters of different names, found two named '\(name)'")
    }
    return result
  }

  private func collect(prefix: String, into result: inout [(name: String, parameter: Parameter)]) {
    for member in members {
      switch member {
      case .parameter(let name, let parameter):
        result.append((prefix + checked(name), parameter))
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
