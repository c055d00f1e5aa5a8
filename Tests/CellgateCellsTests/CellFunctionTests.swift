import CellgateCells
import Testing

/// What the laws don't say of a cell's functions: their values at kinks, and how they are written.
@Suite("Functions of cells")
struct CellFunctionTests {
  /// h_t = f(w x_t) over one step of one unit with w = 1; the gradient of w is f′(x) x.
  private func unary(_ f: @escaping (CellExpression) -> CellExpression) throws -> Cell {
    try Cell("f") { cell in
      let h = cell.state("h")
      cell.next(h, f(cell.matrix("w")(cell.input)) + 0 * h)
    }
  }

  /// The value and the derivative at x, of the reference and of the fast execution.
  private func valueAndSlope(_ cell: Cell, _ x: Double) -> [(value: Double, slope: Double)] {
    var problem = Problem(cell, T: 1, B: 1, I: 1, H: 1)
    problem.input = [x]
    problem.parameters = problem.parameters.map { $0.map { _ in 1 } }
    problem.states = [[0]]
    problem.outputGradient = [1]
    problem.finalGradients = [[0]]
    return [problem.reference(), problem.fast()].map { ($0.output[0], $0.input[0]) }
  }

  @Test("abs has the slope 0 at 0, sqrt an infinite one, and log is −∞ there")
  func edges() throws {
    for found in valueAndSlope(try unary(abs), 0) { #expect(found.value == 0 && found.slope == 0) }
    for found in valueAndSlope(try unary(sqrt), 0) { #expect(found.value == 0 && found.slope == .infinity) }
    for found in valueAndSlope(try unary(log), 0) { #expect(found.value == -.infinity) }
    for found in valueAndSlope(try unary(log), -1) { #expect(found.value.isNaN) }
  }

  @Test("softplus neither overflows nor loses small values")
  func softplusTails() throws {
    for found in valueAndSlope(try unary(softplus), 1000) { #expect(found.value == 1000 && found.slope == 1) }
    for found in valueAndSlope(try unary(softplus), -20) {
      #expect(abs(found.value / 2.061153620314381e-9 - 1) < 1e-6)
      #expect(abs(found.slope / 2.0611536181902037e-9 - 1) < 1e-6)
    }
  }

  /// Where both sides are the same number each gets half of the gradient, so that a whole one reaches x twice halved.
  @Test("Equal operands of min and max share the gradient", arguments: [false, true])
  func ties(_ greater: Bool) throws {
    func cell(_ slope: CellExpression) throws -> Cell {
      try Cell("tie") { cell in
        let h = cell.state("h"), a = cell.matrix("w")(cell.input), b = slope * a + (1 - slope) * 2
        cell.next(h, (greater ? max(a, b) : min(a, b)) + 0 * h)
      }
    }
    // At x = 2 both operands are 2; their slopes are 1 and 3.
    for found in valueAndSlope(try cell(3), 2) { #expect(found.value == 2 && found.slope == 2) }
    for found in valueAndSlope(try cell(3), 3) { #expect(found.slope == (greater ? 3 : 1)) }
    for found in valueAndSlope(try cell(3), 1) { #expect(found.slope == (greater ? 1 : 3)) }
  }

  @Test(
    "NaN in gives NaN out",
    arguments: [abs, sqrt, log, softplus, { max($0, 1) }, { min(1, $0) }]
      as [@Sendable (CellExpression) -> CellExpression])
  func notANumber(_ f: @Sendable @escaping (CellExpression) -> CellExpression) throws {
    for found in valueAndSlope(try unary(f), .nan) { #expect(found.value.isNaN) }
  }

  @Test("Means and variances are written as functions, and are stages of the plan")
  func reductions() throws {
    let equations = Cell.layerNorm.equations()
    #expect(
      equations.prefix(2) == [
        "let m1 = W_ix xₜ + W_ih hₜ₋₁", "iₜ = σ((m1 − mean(m1)) ÷ sqrt(variance(m1) + 0.001) ⊙ g_i + b_i)",
      ])
    #expect(Cell.layerNorm.latex.contains("\\mathrm{variance}\\left(c_{t}\\right)"))
    let plan = Cell.layerNorm.planDescription
    #expect(
      plan.forward.map(\.kind)
        == ["products", "reductions", "elementwise", "reductions", "elementwise"])
    #expect(plan.forward[1].lines.count == 8)
    #expect(plan.forward[3].lines.contains { $0.hasSuffix("= mean(cₜ)") })
    #expect(plan.backward.contains { $0.kind == "reductions" })
  }

  @Test("A mean of the input or of a constant is refused")
  func reductionOperands() {
    for (operand, found) in [("input", "the input"), ("constant", "a constant")] {
      do throws(CellError) {
        _ = try Cell("f") { cell in
          let h = cell.state("h")
          cell.next(h, cell.matrix("w")(cell.input) + mean(operand == "input" ? cell.input : 1) * h)
        }
        Issue.record("a mean of the \(operand) was accepted")
      } catch { #expect(error.description.contains("of mean") && error.description.contains(found)) }
    }
  }

  @Test("Functions are written as they are called, and as mathematics in LaTeX")
  func printing() throws {
    #expect(
      Cell.functions.equations() == [
        "lowₜ = min(W_px xₜ + W_ph hₜ₋₁, k ⊙ cₜ₋₁)",
        "highₜ = max(lowₜ, abs(hₜ₋₁) − 0.25)",
        "rateₜ = softplus(W_qx xₜ + W_qh hₜ₋₁ + W_c cₜ₋₁)",
        "cₜ = log(1.5 + rateₜ) ⊙ highₜ − sqrt(rateₜ + 0.1) ⊙ cₜ₋₁ ÷ 4",
        "hₜ = tanh(max(cₜ, 0.1) + min(−rateₜ, relu(hₜ₋₁))) + σ(abs(cₜ)) ⊙ exp(−hₜ₋₁)",
      ])
    let latex = Cell.functions.latex
    #expect(latex.contains("\\max\\left(c_{t}, 0.1\\right)"))
    #expect(latex.contains("\\left|h_{t-1}\\right| - 0.25"))
    #expect(latex.contains("\\sqrt{\\mathrm{rate}_{t} + 0.1}"))
  }
}
