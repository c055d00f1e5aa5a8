/// How a cell is run, in words; `cellgate cells NAME` prints it.
public struct PlanDescription: Sendable {
  /// A part of a step.
  public struct Stage: Sendable, Equatable {
    /// "products", "reductions" or "elementwise".
    public var kind: String
    /// What it computes, an item a line.
    public var lines: [String]
  }

  /// The stages of a training step, forward and backward.
  public var forward: [Stage], backward: [Stage]
  /// Values that the forward pass keeps for the backward pass, per step, sequence and hidden unit.
  public var saved: [String]
  /// Large products after the backward sweep, over many steps at once.
  public var weightGradients: [String]
}

extension Cell {
  /// The stages, and what is kept between the passes.
  public var planDescription: PlanDescription {
    let printer = EquationPrinter(cell: self, style: .unicode)

    func place(_ slot: StepProgram.Slot) -> String {
      switch slot {
      case .input: "xₜ"
      case .stateBefore(let state): printer.state(state, before: true)
      case .stateAfter(let state): printer.state(state, before: false)
      case .noise(let noise): "z\(Self.subscripts(noise + 1))"
      case .saved(let index): printer.atom(plan.saved[index])
      case .accumulator(let index): "a\(Self.subscripts(index + 1))"
      case .delta(let index): "δ\(Self.subscripts(index + 1))"
      case .departing(let state): "d\(printer.state(state, before: true))"
      case .arriving(let state): "d\(printer.state(state, before: false))"
      case .step(let index): "s\(Self.subscripts(index + 1))"
      case .vectorGradient(let block): "d\(printer.symbol(block))"
      case .vector(let block): printer.symbol(block)
      case .outputGradient: "dyₜ"
      case .tile(let index): "r\(Self.subscripts(index + 1))"
      }
    }
    // A sum of products that is kept as it is bears the name of its place, not its formula.
    func result(_ slot: StepProgram.Slot) -> String {
      if case .saved(let index) = slot { return "k\(Self.subscripts(index + 1))" }
      return place(slot)
    }
    func describe(_ program: StepProgram) -> [PlanDescription.Stage] {
      program.stages.map { stage in
        switch stage {
        case .products(let products):
          return .init(
            kind: "products",
            lines: products.map { product in
              let terms = product.factors.map { factor in
                "\(printer.symbol(factor.block))\(factor.isTransposed ? "ᵀ" : "") \(place(factor.operand))"
              }
              let sum = (terms + product.biases.map(printer.symbol)).joined(separator: " + ")
              return "\(result(product.result)) \(product.continues ? "+=" : "=") \(sum)"
            })
        case .reductions(let reductions):
          return .init(
            kind: "reductions",
            lines: reductions.map { "\(place($0.result)) = \($0.kind.rawValue)(\(place($0.operand)))" })
        case .elementwise(let elements):
          var results: [String] = []
          for element in elements {
            if case .tile = element.result { continue }
            let name = place(element.result)
            if !results.contains(name) { results.append(name) }
          }
          return .init(
            kind: "elementwise",
            lines: ["\(elements.count) operations give \(results.joined(separator: ", "))"])
        }
      }
    }

    let gradients = plan.weightGradients.map { gradient -> String in
      let (delta, operand) = ("δ\(Self.subscripts(gradient.delta + 1))", place(gradient.operand))
      let product = gradient.isTransposed ? "\(operand) \(delta)ᵀ" : "\(delta) \(operand)ᵀ"
      return "d\(printer.symbol(gradient.block)) = Σ \(product)"
    }
    return PlanDescription(
      forward: describe(plan.forward), backward: describe(plan.backward),
      saved: states.indices.map { printer.state($0, before: false) } + plan.saved.map(printer.name),
      weightGradients: gradients)
  }

  private static func subscripts(_ number: Int) -> String {
    let digits: [Character: Character] = [
      "0": "₀", "1": "₁", "2": "₂", "3": "₃", "4": "₄", "5": "₅", "6": "₆", "7": "₇", "8": "₈", "9": "₉",
    ]
    return String(String(number).map { digits[$0] ?? $0 })
  }
}
