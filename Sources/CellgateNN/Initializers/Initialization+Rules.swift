import CellgateBasics
import CellgateCells
import CellgateTensor

extension Recurrent.Initialization {
  /// What some parameters, or one gate of them, start from.
  public struct Rule: Sendable, Equatable {
    /// The parameters' name, in which `*` stands for anything: `weight_mh` of the cell, `weight_mh_l0` of the layer,
    /// `recurrent.weight_mh_l0`, `head.weight` or `embedding.weight` of the model; nil for any.
    public var parameter: String?
    /// The parameters' role in the cell; nil for any.
    public var role: ParameterRole?
    /// The gate; nil for all.
    public var gate: String?
    /// What they start from.
    public var start: Start

    /// A rule for the parameters that fit all that is given.
    public init(
      parameter: String? = nil, role: ParameterRole? = nil, gate: String? = nil, _ start: Start
    ) {
      self.parameter = parameter
      self.role = role
      self.gate = gate
      self.start = start
    }

    /// Whether the rule speaks of a parameter with one of these names and this role.
    public func matches(names: [String], _ role: ParameterRole?) -> Bool {
      if let own = self.role, own != role { return false }
      guard let parameter else { return self.role != nil || self.gate != nil }
      return names.contains { Self.matches(Array($0.utf8), Array(parameter.utf8)) }
    }

    /// Whether a name fits a pattern, by the usual walk that goes back to the last star.
    private static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
      var (place, at) = (0, 0)
      var back: (star: Int, place: Int)?
      while place < name.count {
        if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
          back = (at, place)
          at += 1
        } else if at < pattern.count, pattern[at] == name[place] {
          (place, at) = (place + 1, at + 1)
        } else if let last = back {
          back = (last.star, last.place + 1)
          (place, at) = (last.place + 1, last.star + 1)
        } else {
          return false
        }
      }
      return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
  }

  /// What numbers start from.
  public enum Start: Sendable, Equatable {
    /// All values start at 0.
    case zero
    /// One number everywhere.
    case constant(Float)
    /// Uniform in ±bound; by default 1/√H of H hidden units, of a linear layer 1/√K of K inputs.
    case uniform(bound: Float?)
    /// Normal with mean 0.
    case normal(deviation: Float)
    /// Uniform in ±gain · √(6 / (K + N)) of matrices [N, K]: each gate's by itself, or those of all gates as one.
    case xavier(gain: Float, allGates: Bool)
    /// gain times an orthogonal matrix: for each gate, or of all gates as one.
    case orthogonal(gain: Float, allGates: Bool)
    /// gain where row and column of a gate's matrix are equal, else 0.
    case identity(gain: Float)
    /// ± the logarithm of numbers uniform in 1 ..< T − 1: the sign that the cell has for the gate, + where it has none.
    /// Gates of one parameter have the same numbers.
    case chrono(steps: Int)

    /// Whether it is of matrices alone.
    public var isOfMatrices: Bool {
      switch self {
      case .xavier, .orthogonal, .identity: true
      default: false
      }
    }

    /// The numbers of a parameter of `blocks` gates; of a vector the starts of matrices are 0.
    func values(
      _ shape: [Int], blocks: Int, usualBound: Float, signs: [Int], stream: RandomStream
    ) -> [Float] {
      let isMatrix = shape.count == 2
      func scalars(_ initializer: Initializer) -> [Float] { initializer(shape, stream: stream).scalars }
      switch self {
      case .zero: return scalars(.zeros)
      case .constant(let value): return scalars(.constant(value))
      case .uniform(let bound): return scalars(.uniform(bound: bound ?? usualBound))
      case .normal(let deviation): return scalars(.normal(standardDeviation: deviation))
      case .xavier(let gain, let allGates) where isMatrix:
        return scalars(.xavierUniform(gain: gain, blocks: allGates ? 1 : blocks))
      case .orthogonal(let gain, let allGates) where isMatrix:
        return scalars(.orthogonal(gain: gain, blocks: allGates ? 1 : blocks))
      case .identity(let gain) where isMatrix:
        let (rows, columns) = (shape[0] / blocks, shape[1])
        return (0..<shape[0]).flatMap { row in
          (0..<columns).map { $0 == row % rows ? gain : 0 }
        }
      case .xavier, .orthogonal, .identity: return scalars(.zeros)
      case .chrono(let steps):
        let size = shape.reduce(1, *) / blocks
        let memories = Initializer.chrono(maximumSteps: steps)([size], stream: stream).scalars
        return (0..<blocks).flatMap { block in
          let sign = signs.indices.contains(block) && signs[block] != 0 ? signs[block] : 1
          return memories.map { Float(sign) * $0 }
        }
      }
    }
  }

  /// The rules, by their places counted from 1, that speak of no parameter of these cells, nor of a head or an embedding.
  public func idleRules(cells: [Cell]) -> [Int] {
    rules.indices.filter { index in
      let rule = rules[index]
      if rule.gate == nil,
        ["head.weight", "head.bias", "embedding.weight"].contains(where: { rule.matches(names: [$0], nil) })
      {
        return false
      }
      return !cells.contains { cell in
        zip(cell.parameters, cell.parameterRoles).contains { definition, role in
          let layer = definition.name + "_l0"
          let names = [definition.name, layer, layer + "_reverse", "recurrent." + layer]
          let isNamed = rule.matches(names: names, role) || Self.isOfLaterLayer(rule, definition, role)
          return isNamed && (rule.gate.map(definition.gates.contains) ?? true)
        }
      }
    }
    .map { $0 + 1 }
  }

  private static func isOfLaterLayer(
    _ rule: Rule, _ definition: ParameterDefinition, _ role: ParameterRole
  ) -> Bool {
    guard let parameter = rule.parameter, parameter.contains(definition.name + "_l") else { return false }
    return rule.role.map { $0 == role } ?? true
  }
}
