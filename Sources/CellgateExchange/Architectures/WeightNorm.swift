import CellgateTensor

/// Weight normalisation of PyTorch, folded: w = g · v / ‖v‖, the norm over all dimensions that g has not.
///
/// The tensors are `parametrizations.NAME.original0` (g) and `original1` (v), or, in older files, `NAME_g` and `NAME_v`.
/// Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.weight_norm.html
enum WeightNorm {
  /// The tensors with each such pair as the weight that it stands for, and the names of these weights.
  static func folded(_ tensors: [ForeignTensor]) -> (tensors: [ForeignTensor], names: [String]) {
    let byName = Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
    var (result, names): ([ForeignTensor], [String]) = ([], [])
    for item in tensors {
      if let (name, other) = directions(of: item.name), let direction = byName[other]?.tensor,
        let gain = item.tensor, byName[name] == nil, let weight = weight(gain, direction)
      {
        names.append(name)
        result.append(ForeignTensor(name: name, dtype: item.dtype, shape: weight.shape, tensor: weight))
      } else if let (name, gain) = gains(of: item.name), byName[name] == nil,
        let found = byName[gain]?.tensor,
        let direction = item.tensor, weight(found, direction) != nil
      {
        continue
      } else {
        result.append(item)
      }
    }
    return (result, names)
  }

  /// Of the name of a g the weight's name and that of v.
  private static func directions(of name: String) -> (weight: String, direction: String)? {
    if let weight = parametrized(name, ".original0") { return (weight, name.dropLast() + "1") }
    return name.hasSuffix("_g") ? (String(name.dropLast(2)), name.dropLast(1) + "v") : nil
  }

  /// Of the name of a v the weight's name and that of g.
  private static func gains(of name: String) -> (weight: String, gain: String)? {
    if let weight = parametrized(name, ".original1") { return (weight, name.dropLast() + "0") }
    return name.hasSuffix("_v") ? (String(name.dropLast(2)), name.dropLast(1) + "g") : nil
  }

  /// "lstm.weight_hh_l0" of "lstm.parametrizations.weight_hh_l0.original0".
  private static func parametrized(_ name: String, _ end: String) -> String? {
    guard name.hasSuffix(end) else { return nil }
    let parts = name.dropLast(end.count).split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[parts.count - 2] == "parametrizations" else { return nil }
    return (parts.dropLast(2) + [parts[parts.count - 1]]).joined(separator: ".")
  }

  /// g · v / ‖v‖; nil where the shapes don't fit.
  private static func weight(_ gain: Tensor, _ direction: Tensor) -> Tensor? {
    guard gain.rank == direction.rank, direction.rank > 0, direction.count > 0,
      zip(gain.shape, direction.shape).allSatisfy({ $0 == 1 || $0 == $1 })
    else { return nil }
    var strides = [Int](repeating: 0, count: gain.rank)
    var step = 1
    for axis in gain.shape.indices.reversed() {
      if gain.shape[axis] > 1 { strides[axis] = step }
      step *= gain.shape[axis]
    }
    let (values, gains) = (direction.scalars, gain.scalars)
    func place(_ index: Int) -> Int {
      var (rest, place) = (index, 0)
      for axis in direction.shape.indices.reversed() {
        place += rest % direction.shape[axis] * strides[axis]
        rest /= direction.shape[axis]
      }
      return place
    }
    var squares = [Double](repeating: 0, count: gains.count)
    for (index, value) in values.enumerated() { squares[place(index)] += Double(value) * Double(value) }
    let weights = values.enumerated().map { index, value in
      let own = place(index)
      return Float(Double(gains[own]) * Double(value) / squares[own].squareRoot())
    }
    return Tensor(weights, shape: direction.shape)
  }
}
