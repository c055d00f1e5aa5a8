/// Arithmetic of an ONNX graph that is no layer by itself, and may become one with what follows.
indirect enum ONNXFormula: Equatable {
  /// A value of the model's graph.
  case data(ONNXReference)
  /// Whether a step is valid.
  case valid
  /// The number of a step.
  case steps
  case number(Float)
  /// An operator of these, without its axes.
  case operation(String, [ONNXFormula])

  /// How many operators it has.
  var size: Int {
    if case .operation(_, let operands) = self { operands.reduce(1) { $0 + $1.size } } else { 1 }
  }

  /// The operator's formula; the operands of those that commute stand in one order: values, formulas, numbers.
  static func of(_ operation: String, _ operands: ONNXFormula...) -> ONNXFormula {
    of(operation, operands)
  }

  static func of(_ operation: String, _ operands: [ONNXFormula]) -> ONNXFormula {
    func rank(_ formula: ONNXFormula) -> Int {
      switch formula {
      case .data: 0
      case .valid, .steps: 1
      case .operation: 2
      case .number: 3
      }
    }
    guard ["Add", "Mul", "Equal", "Max"].contains(operation), operands.count == 2,
      rank(operands[0]) > rank(operands[1])
    else { return .operation(operation, operands) }
    return .operation(operation, operands.reversed())
  }

  /// The same, numbers to 1e-5 of their size: exporters write √2 in more than one way.
  static func == (left: ONNXFormula, right: ONNXFormula) -> Bool {
    switch (left, right) {
    case (.data(let one), .data(let other)): one == other
    case (.valid, .valid), (.steps, .steps): true
    case (.number(let one), .number(let other)): one == other || abs(one - other) <= 1e-5 * abs(one)
    case (.operation(let one, let ones), .operation(let other, let others)): one == other && ones == others
    default: false
    }
  }

  // MARK: Layers

  /// What a formula of a value x comes to.
  enum Meaning: Equatable {
    /// (x − mean) / √(variance + ε) over the numbers of a step.
    case normalized(epsilon: Float)
    case gelu
    /// Over the valid steps.
    case mean, largest, last
  }

  /// What it is a function of x that Cellgate has a layer for; nil for none.
  func meaning(of value: ONNXReference) -> Meaning? {
    let x = ONNXFormula.data(value)
    if let epsilon = normalization(of: x) { return .normalized(epsilon: epsilon) }
    let erf = ONNXFormula.of("Erf", .of("Div", x, .number(Float(2).squareRoot())))
    let erfOfProduct = ONNXFormula.of("Erf", .of("Mul", x, .number(Float(0.5).squareRoot())))
    for erf in [erf, erfOfProduct] {
      let share = ONNXFormula.of("Add", erf, .number(1))
      let forms = [
        ONNXFormula.of("Mul", .of("Mul", x, share), .number(0.5)),
        .of("Mul", x, .of("Mul", share, .number(0.5))), .of("Mul", .of("Mul", x, .number(0.5)), share),
      ]
      if forms.contains(self) { return .gelu }
    }
    let count = ONNXFormula.of("ReduceSum", .of("Cast", .valid))
    let sum = ONNXFormula.of("ReduceSum", .of("Where", .valid, x, .number(0)))
    if self == .of("Div", sum, .of("Max", count, .number(1))) { return .mean }
    let largest = ONNXFormula.of("ReduceMax", .of("Where", .valid, x, .number(-.infinity)))
    if self == .of("Where", .of("Equal", count, .number(0)), .number(0), largest) { return .largest }
    let place = ONNXFormula.of("ReduceMax", .of("Where", .valid, .steps, .number(-1)))
    if self == .of("ReduceSum", .of("Where", .of("Equal", .steps, place), x, .number(0))) { return .last }
    return nil
  }

  private func normalization(of x: ONNXFormula) -> Float? {
    let deviation = ONNXFormula.of("Sub", x, .of("ReduceMean", x))
    guard case .operation("Div", let parts) = self, parts.count == 2, parts[0] == deviation,
      case .operation("Sqrt", let roots) = parts[1], roots.count == 1,
      case .operation("Add", let terms) = roots[0], terms.count == 2, case .number(let epsilon) = terms[1],
      epsilon > 0
    else { return nil }
    let squares = [ONNXFormula.of("Pow", deviation, .number(2)), .of("Mul", deviation, deviation)]
    return squares.contains { terms[0] == .of("ReduceMean", $0) } ? epsilon : nil
  }
}
