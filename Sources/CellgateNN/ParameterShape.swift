import CellgateCells

/// The name and shape of a parameter, known without the parameter: what a file must hold is compared with them before
/// a model is made.
public struct ParameterShape: Sendable, Equatable {
  /// The dotted name, as in `Module.namedParameters()`.
  public let name: String
  /// The dimensions.
  public let shape: [Int]

  /// A parameter `name` of `shape`.
  public init(_ name: String, _ shape: [Int]) {
    self.name = name
    self.shape = shape
  }

  /// The parameter as one of the member `member`.
  public func inside(_ member: String) -> ParameterShape { ParameterShape("\(member).\(name)", shape) }
}

extension Recurrent {
  /// The parameters of a `Recurrent` of these sizes, in their order and made as they are asked for: there may be more
  /// layers than memory has room for.
  public static func parameterShapes(
    cell: Cell, inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, layers: Int = 1,
    bidirectional: Bool = false, grid: CellGrid? = nil
  ) -> some Sequence<ParameterShape> {
    let directions = bidirectional ? 2 : 1
    let outputSize = cell.stateSizes[0] == .projection ? projectionSize ?? hiddenSize : hiddenSize
    return (0..<layers).lazy.flatMap { layer in
      (0..<directions).flatMap { direction in
        cell.parameters.map { definition in
          ParameterShape(
            definition.name + suffix(layer: layer, direction: direction),
            definition.shape(
              inputSize: layer == 0 ? inputSize : directions * outputSize, hiddenSize: hiddenSize,
              projectionSize: projectionSize, grid: grid))
        }
      }
    }
  }
}

extension Linear {
  /// The parameters of a `Linear` with a bias of these sizes.
  public static func parameterShapes(inputSize: Int, outputSize: Int) -> [ParameterShape] {
    [ParameterShape("weight", [outputSize, inputSize]), ParameterShape("bias", [outputSize])]
  }
}

extension Embedding {
  /// The parameters of an `Embedding` of these sizes.
  public static func parameterShapes(count: Int, size: Int) -> [ParameterShape] {
    [ParameterShape("weight", [count, size])]
  }
}
