import CellgateBasics
import CellgateKernels

/// The linear map x Wᵀ of many inputs that come one after another, such as the steps of a decoder: the weight is packed once
/// for all of them and for their gradients, and its own gradient is taken of all at once.
///
/// It is for one update: the weight must stay as it is until the backward pass is done.
@safe public final class SteppedLinear {
  private let weight: Tensor
  private let forward: Storage
  private var backward: Storage?
  /// Stands for the weight among the inputs of each step: when the gradients of all have arrived, they go on from here.
  private let token: Tensor
  private let steps: Steps

  /// What the weight's gradient is made of: inputs and what arrives at their outputs.
  private final class Steps {
    var pairs: [(input: Tensor, gradient: Tensor)] = []
  }

  /// A map by a weight [N, K].
  public init(weight: Tensor) {
    require(weight.rank == 2, "SteppedLinear: expected a weight [N, K], found \(weight.shape)")
    let (n, k) = (weight.shape[0], weight.shape[1])
    self.weight = weight.detached
    forward = unsafe MatrixProduct.pack(weight.pointer, depth: k, columns: n, strides: (1, k))
    let steps = Steps()
    self.steps = steps
    token =
      RecordedOperation.record("weights of steps", inputs: [weight], outputs: [.zeros([])]) { _, _ in
        [
          .adding { sum in
            let pairs = steps.pairs
            steps.pairs = []
            // Rows of the weight, each through all steps, in their order: they arrive from the last to the first.
            Elementwise.chunks(n, grain: MatrixProduct.outerGrain(n)) { range in
              for (input, gradient) in pairs.reversed() {
                unsafe cg_outer(
                  input.shape[0], range.count, k, gradient.pointer + range.lowerBound, n, input.pointer, k,
                  sum.pointer + range.lowerBound * k, k)
              }
            }
          }
        ]
      }[0]
  }

  /// N.
  public var outputSize: Int { weight.shape[0] }

  /// [B, K] gives [B, N].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let (n, k) = (weight.shape[0], weight.shape[1])
    require(
      x.rank == 2 && x.shape[1] == k, "SteppedLinear: expected an input [B, \(k)], found \(x.shape)")
    let rows = x.shape[0]
    let output = Tensor.uninitialized([rows, n])
    unsafe MatrixProduct.multiply(
      x.pointer, rows: rows, depth: k, columns: n, packed: forward, bias: nil, into: output.pointer)
    let input = x.detached
    return RecordedOperation.record("linear step", inputs: [x, token], output: output) {
      [self] gradient, needed in
      var own: RecordedOperation.Contribution?
      if needed[0] {
        let packed =
          unsafe backward ?? MatrixProduct.pack(weight.pointer, depth: n, columns: k, strides: (k, 1))
        backward = packed
        let result = Tensor.uninitialized([rows, k])
        unsafe MatrixProduct.multiply(
          gradient.pointer, rows: rows, depth: n, columns: k, packed: packed, bias: nil, into: result.pointer)
        own = .tensor(result)
      }
      if needed[1] { steps.pairs.append((input, gradient)) }
      return [own, needed[1] ? .tensor(.zeros([])) : nil]
    }
  }
}
