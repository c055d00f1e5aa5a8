import CellgateTensor

extension OperationCase {
  /// Transposes, slices, concatenation, padding: numbers that move.
  static var shaping: [OperationCase] {
    func permute(_ name: String, _ shape: [Int], _ axes: [Int], large: [Int]? = nil) -> OperationCase {
      OperationCase(
        name, [Input(shape)], large: large.map { [Input($0)] }, { $0[0].permuted(axes) },
        reference: { x in
          DoubleArray(axes.map { x[0].shape[$0] }) { index in
            var from = index
            for (place, axis) in axes.enumerated() { from[axis] = index[place] }
            return x[0][from]
          }
        })
    }
    func concatenate(_ name: String, axis: Int, large: [[Int]]? = nil) -> OperationCase {
      let shapes = [2, 3, 1].map { size in
        var shape = [2, 3, 2]
        shape[axis] = size
        return shape
      }
      return OperationCase(
        name, shapes.map { Input($0) }, large: large.map { $0.map { Input($0) } },
        { concatenated($0, axis: axis) },
        reference: { x in
          var shape = x[0].shape
          shape[axis] = x.reduce(0) { $0 + $1.shape[axis] }
          return DoubleArray(shape) { index in
            var (from, source) = (index, 0)
            while from[axis] >= x[source].shape[axis] {
              from[axis] -= x[source].shape[axis]
              source += 1
            }
            return x[source][from]
          }
        })
    }
    return [
      permute("transpose", [3, 5], [1, 0], large: [256, 1024]),
      permute("permute_heads", [2, 3, 4, 5], [0, 2, 1, 3], large: [16, 128, 8, 64]),
      permute("permute_last", [2, 3, 4], [2, 0, 1], large: [16, 32, 512]),
      permute("permute_swap", [3, 4, 5], [2, 1, 0], large: [64, 32, 256]),
      permute("permute_whole", [17, 33], [1, 0]), permute("permute_ones", [1, 3, 1, 2], [3, 2, 0, 1]),
      permute("permute_same", [2, 3], [0, 1]), permute("permute_empty", [2, 0, 3], [2, 0, 1]),
      permute("permute_batch", [3, 18, 20], [0, 2, 1], large: [16, 128, 256]),
      OperationCase(
        "broadcast", [Input([3, 1])], large: [Input([256, 1])],
        { $0[0].broadcast(to: [2] + [$0[0].shape[0], 4]) },
        reference: { x in DoubleArray([2, x[0].shape[0], 4]) { x[0][[$0[1], 0]] } }),
      OperationCase(
        "slice", [Input([2, 5, 3])], large: [Input([16, 32, 512])], { $0[0].sliced(1..<3, axis: 1) },
        reference: { x in DoubleArray([x[0].shape[0], 2, x[0].shape[2]]) { x[0][[$0[0], $0[1] + 1, $0[2]]] } }
      ),
      OperationCase(
        "split", [Input([3, 7])],
        { x in
          let parts = x[0].split(sizes: [2, 0, 5], axis: 1)
          return concatenated([parts[2], parts[1], parts[0]])
        }, reference: { x in DoubleArray([3, 7]) { x[0][[$0[0], ($0[1] + 2) % 7]] } }),
      OperationCase(
        "split_parts", [Input([6, 2])],
        { x in
          let parts = x[0].split(parts: 3, axis: 0)
          return parts[0] * parts[1] + parts[2]
        },
        reference: { x in
          DoubleArray([2, 2]) { x[0][$0] * x[0][[$0[0] + 2, $0[1]]] + x[0][[$0[0] + 4, $0[1]]] }
        }),
      OperationCase(
        "stack", [Input([2, 3]), Input([2, 3])], large: [Input([512, 512]), Input([512, 512])],
        { stacked($0, axis: 1) },
        reference: { x in DoubleArray([x[0].shape[0], 2, x[0].shape[1]]) { x[$0[1]][[$0[0], $0[2]]] } }),
      OperationCase(
        "squeeze", [Input([2, 3])], { $0[0].unsqueezed(axis: 1).squeezed(axis: 1).unsqueezed(axis: -1) },
        reference: { DoubleArray([2, 3, 1], $0[0].values) }),
      concatenate("concatenate_first", axis: 0, large: [[64, 1024], [192, 1024]]),
      concatenate("concatenate_middle", axis: 1), concatenate("concatenate_last", axis: 2),
      OperationCase(
        "concatenate", [Input([3, 2]), Input([3, 0]), Input([3, 4])],
        large: [Input([512, 512]), Input([512, 0]), Input([512, 512])], { concatenated($0) },
        reference: { x in
          let width = x[0].shape[1]
          return DoubleArray([x[0].shape[0], width + x[2].shape[1]]) {
            $0[1] < width ? x[0][$0] : x[2][[$0[0], $0[1] - width]]
          }
        }),
      OperationCase(
        "pad", [Input([2, 3, 2])], large: [Input([16, 32, 512])],
        { $0[0].padded(before: [0, 1, 2], after: [1, 0, 3], value: 5) },
        reference: { x in
          let shape = x[0].shape
          return DoubleArray([shape[0] + 1, shape[1] + 1, shape[2] + 5]) { index in
            let from = [index[0], index[1] - 1, index[2] - 2]
            return zip(from, shape).allSatisfy { $0 >= 0 && $0 < $1 } ? x[0][from] : 5
          }
        }),
      OperationCase(
        "pad_axis", [Input([2, 3])], { $0[0].padded(before: 1, after: 0, axis: 0) },
        reference: { x in DoubleArray([3, 3]) { $0[0] == 0 ? 0 : x[0][[$0[0] - 1, $0[1]]] } }),
    ]
  }

  /// Entries by index.
  static var indexing: [OperationCase] {
    @Sendable func indices(_ count: Int, below bound: Int) -> [Int32] {
      (0..<count).map { Int32($0 * $0 * 7 % bound) }
    }
    return [
      OperationCase(
        "gather", [Input([5, 3])], large: [Input([512, 512])],
        { $0[0].gathered(indices(8 * $0[0].shape[0] / 5, below: $0[0].shape[0])) },
        reference: { x in DoubleArray([8, 3]) { x[0][[Int(indices(8, below: 5)[$0[0]]), $0[1]]] } }),
      OperationCase(
        "gather_middle", [Input([2, 5, 3])], large: [Input([16, 32, 512])],
        { $0[0].gathered(indices(8, below: $0[0].shape[1]), axis: 1) },
        reference: { x in DoubleArray([2, 8, 3]) { x[0][[$0[0], Int(indices(8, below: 5)[$0[1]]), $0[2]]] } }),
      OperationCase(
        "gather_last", [Input([3, 5])], large: [Input([256, 1024])],
        { $0[0].gathered(indices(8, below: $0[0].shape[1]), shape: [4, 2], axis: -1) },
        reference: { x in
          DoubleArray([3, 4, 2]) { x[0][[$0[0], Int(indices(8, below: 5)[$0[1] * 2 + $0[2]])]] }
        }),
      OperationCase(
        "gather_nothing", [Input([3, 5])], { $0[0].gathered([]) },
        reference: { _ in DoubleArray([0, 5], []) }),
      OperationCase(
        "scatter_add", [Input([6, 4]), Input([9, 4])], large: [Input([512, 512]), Input([1024, 512])],
        { $0[0].scatterAdded($0[1], at: indices($0[1].shape[0], below: $0[0].shape[0])) },
        reference: { x in
          var result = x[0]
          for (place, index) in indices(9, below: 6).enumerated() {
            for column in 0..<4 { result[[Int(index), column]] += x[1][[place, column]] }
          }
          return result
        }),
      OperationCase(
        "scatter_add_middle", [Input([2, 4, 3]), Input([2, 5, 3])],
        { $0[0].scatterAdded($0[1], at: indices(5, below: 4), axis: 1) },
        reference: { x in
          var result = x[0]
          for (place, index) in indices(5, below: 4).enumerated() {
            for block in 0..<2 {
              for column in 0..<3 { result[[block, Int(index), column]] += x[1][[block, place, column]] }
            }
          }
          return result
        }),
      OperationCase(
        "embedding", [Input([11, 5])], large: [Input([5000, 256])],
        { embedding(indices(21, below: $0[0].shape[0]), shape: [7, 3], table: $0[0]) },
        reference: { x in
          DoubleArray([7, 3, 5]) { x[0][[Int(indices(21, below: 11)[$0[0] * 3 + $0[1]]), $0[2]]] }
        }),
    ]
  }
}
