import CellgateTensor

extension OperationCase {
  /// Products of matrices.
  static var products: [OperationCase] {
    func product(
      _ name: String, _ a: [Int], _ b: [Int], transposeA: Bool = false, transposeB: Bool = false,
      large: ([Int], [Int])? = nil,
      many: ([Int], [Int])? = nil
    ) -> OperationCase {
      let sizes = large.map { large in
        let columns = transposeB ? large.1[large.1.count - 2] : large.1[large.1.count - 1]
        return large.0.reduce(1, *) * columns
      }
      return OperationCase(
        name, [Input(a), Input(b)], large: large.map { [Input($0.0), Input($0.1)] },
        many: many.map { [Input($0.0), Input($0.1)] }, tolerance: 2e-6, multiplyAdds: sizes,
        { matmul($0[0], $0[1], transposeA: transposeA, transposeB: transposeB) },
        reference: { x in definition(x[0], x[1], transposeA, transposeB) })
    }
    return [
      product("matmul", [3, 4], [4, 5], large: ([256, 512], [512, 512]), many: ([100, 50], [50, 160])),
      // Columns enough to be cut into strips.
      product("matmul_strips", [2, 3], [3, 4], many: ([30, 20], [20, 300])),
      product(
        "matmul_bt", [3, 4], [5, 4], transposeB: true, large: ([256, 512], [512, 512]),
        many: ([100, 50], [160, 50])),
      product(
        "matmul_at", [4, 3], [4, 5], transposeA: true, large: ([512, 256], [512, 512]),
        many: ([1100, 20], [1100, 30])),
      product("matmul_at_bt", [4, 3], [5, 4], transposeA: true, transposeB: true),
      product(
        "matmul_batch", [2, 3, 4], [2, 4, 5], large: ([16, 128, 64], [16, 64, 128]),
        many: ([7, 20, 30], [7, 30, 40])),
      product(
        "matmul_batch_bt", [2, 3, 4], [2, 5, 4], transposeB: true, large: ([16, 128, 64], [16, 128, 64]),
        many: ([7, 20, 30], [7, 40, 30])),
      product(
        "matmul_batch_at", [2, 4, 3], [2, 4, 5], transposeA: true, large: ([16, 64, 128], [16, 64, 128]),
        many: ([7, 30, 20], [7, 30, 40])),
      product("matmul_batch_at_bt", [2, 4, 3], [2, 5, 4], transposeA: true, transposeB: true),
      product(
        "matmul_shared", [3, 5, 4], [4, 6], large: ([16, 128, 64], [64, 128]), many: ([7, 20, 30], [30, 40])),
      product("matmul_shared_bt", [3, 5, 4], [6, 4], transposeB: true),
      product("matmul_shared_left", [5, 4], [3, 4, 6]),
      product("matmul_shared_at", [3, 4, 5], [4, 6], transposeA: true),
      product("matmul_broadcast", [2, 1, 3, 4], [3, 4, 5]),
      product("matmul_wide", [2, 3, 17, 8], [2, 3, 8, 33]),
      product("matmul_row", [2, 1, 9], [2, 9, 1]), product("matmul_no_rows", [2, 0, 4], [2, 4, 3]),
      product("matmul_no_depth", [2, 3, 0], [2, 0, 4]), product("matmul_no_batch", [0, 3, 4], [0, 4, 2]),
    ]
  }

  /// Σ over k of a[.., m, k] b[.., k, n].
  @Sendable private static func definition(
    _ a: DoubleArray, _ b: DoubleArray, _ transposeA: Bool, _ transposeB: Bool
  ) -> DoubleArray {
    func matrix(_ array: DoubleArray, _ leading: [Int], _ row: Int, _ column: Int, _ transposed: Bool)
      -> Double
    {
      let own = array.shape.dropLast(2)
      let index = zip(leading.suffix(own.count), own).map { $1 == 1 ? 0 : $0 }
      return array[index + (transposed ? [column, row] : [row, column])]
    }
    let (sizeA, sizeB) = (Array(a.shape.suffix(2)), Array(b.shape.suffix(2)))
    let (rows, depth, columns) = (
      sizeA[transposeA ? 1 : 0], sizeA[transposeA ? 0 : 1], sizeB[transposeB ? 0 : 1]
    )
    let leading = DoubleArray(a.shape.dropLast(2), { _ in 0 }).with(
      DoubleArray(b.shape.dropLast(2), { _ in 0 }), +
    ).shape
    return DoubleArray(leading + [rows, columns]) { index in
      let (batch, row, column) = (Array(index.dropLast(2)), index[index.count - 2], index[index.count - 1])
      return (0..<depth).reduce(0) { sum, k in
        sum + matrix(a, batch, row, k, transposeA) * matrix(b, batch, k, column, transposeB)
      }
    }
  }

  /// What layers compute as one operation.
  static var layers: [OperationCase] {
    [
      OperationCase(
        "linear", [Input([2, 3, 5]), Input([4, 5]), Input([4])],
        large: [Input([512, 512]), Input([512, 512]), Input([512])],
        many: [Input([100, 50]), Input([160, 50]), Input([160])], tolerance: 2e-6,
        multiplyAdds: 512 * 512 * 512, { linear($0[0], weight: $0[1], bias: $0[2]) },
        reference: { x in
          DoubleArray([2, 3, 4]) { index in
            (0..<5).reduce(x[2][[index[2]]]) { $0 + x[0][[index[0], index[1], $1]] * x[1][[index[2], $1]] }
          }
        }),
      OperationCase(
        "layer_norm", [Input([3, 6]), Input([6], .uniform(0.5..<1.5)), Input([6])],
        large: [Input([256, 1024]), Input([1024], .uniform(0.5..<1.5)), Input([1024])], tolerance: 5e-6,
        { layerNorm($0[0], weight: $0[1], bias: $0[2]) },
        reference: { x in
          DoubleArray([3, 6]) { index in
            let row = (0..<6).map { x[0][[index[0], $0]] }
            let mean = row.reduce(0, +) / 6
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 6
            return (row[index[1]] - mean) / (variance + 1e-5).squareRoot() * x[1][[index[1]]]
              + x[2][[index[1]]]
          }
        }),
    ]
  }
}
