/// What an element of a step's program computes, of operands a, b and c and a constant; a plan names no device's code.
enum Opcode: Hashable, Sendable, CaseIterable {
  /// a.
  case copy
  /// The constant.
  case fill
  case add, subtract, multiply, divide, negate
  /// a + constant, constant − a, constant · a and constant / a.
  case addConstant, subtractFromConstant, multiplyConstant, divideConstant
  /// a · b + c, and c − a · b.
  case multiplyAdd, subtractMultiply
  case sigmoid, tanh, relu, softplus, exp, logarithm, squareRoot, absolute, minimum, maximum
  /// The gradients of ``NodeOperation``.
  case sigmoidGradient, tanhGradient, reluGradient, absoluteGradient, greaterGradient
  /// What the result holds, plus a.
  case accumulate
}
