import CellgateBasics

/// x with a share of `probability` of its numbers set to zero and the others divided by 1 − probability
/// (inverted dropout). Number i takes word i of `stream` from its position on; the position moves past all.
public func dropout(_ x: Tensor, probability: Float, stream: inout RandomStream) -> Tensor {
  probability == 0 ? x : x * dropoutMask(x.shape, probability: probability, stream: &stream)
}

/// The mask of `dropout`: 0 with `probability`, else 1 / (1 − probability).
public func dropoutMask(_ shape: [Int], probability: Float, stream: inout RandomStream) -> Tensor {
  require(
    probability >= 0 && probability < 1, "dropout: expected a probability in [0, 1), found \(probability)")
  let mask = Tensor.uninitialized(shape)
  let (output, source, scale) = unsafe (mask.pointer, stream, 1 / (1 - probability))
  let start = source.position
  Elementwise.chunks(mask.count) { range in
    var words = source
    words.position = start + UInt64(range.lowerBound)
    for index in range { unsafe output[index] = words.uniform() < probability ? 0 : scale }
  }
  stream.position = start + UInt64(mask.count)
  return mask
}
