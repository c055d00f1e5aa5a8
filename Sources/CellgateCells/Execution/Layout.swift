/// The sizes that a cell's plan is bound to.
struct Layout: Sendable {
  let inputSize: Int
  let hiddenSize: Int

  /// Floats from one row of hidden units to the next: whole vectors on every instruction set.
  var width: Int { (hiddenSize + 15) / 16 * 16 }

  /// Products on x are computed for a whole chunk of steps at once; small inputs, and single steps, join the
  /// recurrent product.
  let hoistsInput: Bool

  init(inputSize: Int, hiddenSize: Int, singleSteps: Bool = false) {
    self.inputSize = inputSize
    self.hiddenSize = hiddenSize
    hoistsInput = !singleSteps && inputSize >= 16
  }

  /// Rows of a chunk of steps.
  var chunkRows: Int { hiddenSize >= 256 ? 256 : 128 }

  /// Elementwise operations run over tiles of about 512 floats.
  var tileRows: Int { max(1, 512 / width) }
  var tileColumns: Int { min(width, 512) }

  /// Whether x's weight gradients are summed transposed, with x as the shorter side.
  var transposesInputGradient: Bool { inputSize <= 12 }

  func columns(_ definition: ParameterDefinition) -> Int {
    definition.columns == .input ? inputSize : hiddenSize
  }
}
