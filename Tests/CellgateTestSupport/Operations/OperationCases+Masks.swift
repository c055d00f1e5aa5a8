import CellgateTensor

extension OperationCase {
  /// Comparisons, and choices by a mask.
  static var masks: [OperationCase] {
    func compare(
      _ name: String, _ apply: @escaping @Sendable (Tensor, Tensor) -> Tensor,
      scalar: @escaping @Sendable (Tensor) -> Tensor,
      _ reference: @escaping @Sendable (Double, Double) -> Bool
    ) -> [OperationCase] {
      [
        OperationCase(
          name, [Input([3, 4], .whole), Input([4], .whole)],
          large: name == "less" ? [Input([256, 1024], .whole), Input([256, 1024], .whole)] : nil,
          isDifferentiable: false, { apply($0[0], $0[1]) },
          reference: { $0[0].with($0[1]) { reference($0, $1) ? 1 : 0 } }),
        OperationCase(
          "\(name)_scalar", [Input([3, 4], .whole)], isDifferentiable: false, { scalar($0[0]) },
          reference: { $0[0].map { reference($0, 1) ? 1 : 0 } }),
      ]
    }
    let comparisons = [
      compare("less", { $0 .< $1 }, scalar: { $0 .< 1 }, { $0 < $1 }),
      compare("less_equal", { $0 .<= $1 }, scalar: { $0 .<= 1 }, { $0 <= $1 }),
      compare("greater", { $0 .> $1 }, scalar: { $0 .> 1 }, { $0 > $1 }),
      compare("greater_equal", { $0 .>= $1 }, scalar: { $0 .>= 1 }, { $0 >= $1 }),
      compare("equal", { $0 .== $1 }, scalar: { $0 .== 1 }, { $0 == $1 }),
      compare("not_equal", { $0 .!= $1 }, scalar: { $0 .!= 1 }, { $0 != $1 }),
    ].flatMap { $0 }
    return comparisons + [
      OperationCase(
        "where", [Input([3, 5]), Input([3, 1])], large: [Input([256, 1024]), Input([256, 1024])],
        { x in Tensor.where(checkered(x[0].shape), x[0], x[1]) },
        reference: { x in
          DoubleArray(x[0].shape) {
            ($0[0] + $0[1]) % 2 == 1 ? x[0][$0] : x[1].shape[1] == 1 ? x[1][[$0[0], 0]] : x[1][$0]
          }
        }),
      OperationCase(
        "filled", [Input([2, 3, 5])], large: [Input([8, 128, 512])],
        { x in x[0].filled(where: checkered(Array(x[0].shape.suffix(2))), with: -7) },
        reference: { x in DoubleArray(x[0].shape) { ($0[1] + $0[2]) % 2 == 1 ? -7 : x[0][$0] } }),
    ]
  }

  /// 1 where row and column add up to an odd number.
  @Sendable private static func checkered(_ shape: [Int]) -> Tensor {
    // Those of the inputs that are timed are at hand.
    unsafe checkers.first { $0.shape == shape } ?? mask(shape)
  }

  private nonisolated(unsafe) static let checkers = [mask([256, 1024]), mask([128, 512])]

  private static func mask(_ shape: [Int]) -> Tensor {
    Tensor((0..<shape[0]).flatMap { row in (0..<shape[1]).map { Float((row + $0) % 2) } }, shape: shape)
  }
}
