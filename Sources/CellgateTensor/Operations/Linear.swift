import CellgateBasics

/// x Wᵀ + b: x [.., K], weight [N, K] and bias [N] give [.., N].
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor? = nil) -> Tensor {
  require(weight.rank == 2, "linear: expected a weight [N, K], found \(weight.shape)")
  let (n, k) = (weight.shape[0], weight.shape[1])
  require(x.shape.last == k, "linear: expected an input [.., \(k)], found \(x.shape)")
  if let bias { require(bias.shape == [n], "linear: expected a bias [\(n)], found \(bias.shape)") }
  let rows = x.shape.dropLast().reduce(1, *)
  let output = Tensor.uninitialized(x.shape.dropLast() + [n])
  // As [K, N], entry (k, n) of Wᵀ lies at n · K + k.
  unsafe MatrixProduct.multiply(
    x.pointer, rows: rows, depth: k, columns: n, weight: weight.pointer, strides: (1, k), bias: bias,
    into: output.pointer)
  let (input, matrix) = (x.detached, weight.detached)
  let inputs = [x, weight] + (bias.map { [$0] } ?? [])
  return RecordedOperation.record("linear", inputs: inputs, output: output) { gradient, needed in
    var contributions: [RecordedOperation.Contribution?] = [nil, nil]
    if needed[0] {
      let result = Tensor.uninitialized(input.shape)
      unsafe MatrixProduct.multiply(
        gradient.pointer, rows: rows, depth: n, columns: k, weight: matrix.pointer, strides: (k, 1),
        bias: nil, into: result.pointer)
      contributions[0] = .tensor(result)
    }
    if needed[1] {
      contributions[1] = .adding { sum in
        unsafe MatrixProduct.addOuter(
          rows: rows, gradient.pointer, n, input.pointer, k, to: sum.pointer)
      }
    }
    if needed.count > 2 {
      contributions.append(
        .adding { sum in unsafe ColumnSums.add(rows: rows, gradient.pointer, n, to: sum.pointer) })
    }
    return contributions
  }
}
