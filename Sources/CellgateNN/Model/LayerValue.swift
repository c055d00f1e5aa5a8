import CellgateTensor

/// A value between layers: a tensor and the mask that goes with it.
public struct LayerValue {
  /// A sequence `[T, B, …]` or one value for each sequence, `[B, …]`.
  public var tensor: Tensor
  /// The valid steps of a sequence; nil when all are.
  public var mask: SequenceMask?
  /// What a sigmoid or softmax at the end of a layer was computed from: a cross-entropy of it loses no digits.
  var logits: (tensor: Tensor, activation: Activation)?

  /// A tensor, all of whose steps are valid unless there is a mask.
  public init(_ tensor: Tensor, mask: SequenceMask? = nil) {
    self.tensor = tensor
    self.mask = mask
  }

  /// The same mask with another tensor.
  func with(_ tensor: Tensor) -> LayerValue { LayerValue(tensor, mask: mask) }
}
