import CellgateKernels

extension Opcode {
  /// The kernels' code of it.
  var kernelCode: cg_code {
    switch self {
    case .copy: CG_COPY
    case .fill: CG_FILL
    case .add: CG_ADD
    case .subtract: CG_SUBTRACT
    case .multiply: CG_MULTIPLY
    case .divide: CG_DIVIDE
    case .negate: CG_NEGATE
    case .addConstant: CG_ADD_CONSTANT
    case .subtractFromConstant: CG_SUBTRACT_FROM_CONSTANT
    case .multiplyConstant: CG_MULTIPLY_CONSTANT
    case .divideConstant: CG_DIVIDE_CONSTANT
    case .multiplyAdd: CG_MULTIPLY_ADD
    case .subtractMultiply: CG_SUBTRACT_MULTIPLY
    case .sigmoid: CG_SIGMOID
    case .tanh: CG_TANH
    case .relu: CG_RELU
    case .softplus: CG_SOFTPLUS
    case .exp: CG_EXP
    case .logarithm: CG_LOGARITHM
    case .squareRoot: CG_SQUARE_ROOT
    case .absolute: CG_ABSOLUTE
    case .minimum: CG_MINIMUM
    case .maximum: CG_MAXIMUM
    case .sigmoidGradient: CG_SIGMOID_GRADIENT
    case .tanhGradient: CG_TANH_GRADIENT
    case .reluGradient: CG_RELU_GRADIENT
    case .absoluteGradient: CG_ABSOLUTE_GRADIENT
    case .greaterGradient: CG_GREATER_GRADIENT
    case .accumulate: CG_ACCUMULATE
    }
  }
}

extension Reduction {
  /// The kernels' kind of it.
  var kernelKind: cg_reduction_kind {
    switch self {
    case .mean: CG_MEAN
    case .variance: CG_VARIANCE
    }
  }
}
