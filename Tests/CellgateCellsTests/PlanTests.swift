import CellgateCells
import CellgateTensor
import Testing

@Suite("Plans and printed equations")
struct PlanTests {
  @Test("LSTM-WM's equations are the paper's")
  func equations() {
    #expect(
      Cell.lstmWM.equations() == [
        "iₜ = σ(W_ix xₜ + W_ih hₜ₋₁ + tanh(W_ic cₜ₋₁) + b_i)",
        "fₜ = σ(W_fx xₜ + W_fh hₜ₋₁ + tanh(W_fc cₜ₋₁) + b_f)",
        "gₜ = tanh(W_gx xₜ + W_gh hₜ₋₁ + b_g)",
        "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ",
        "oₜ = σ(W_ox xₜ + W_oh hₜ₋₁ + tanh(W_oc cₜ) + b_o)",
        "hₜ = oₜ ⊙ tanh(cₜ)",
      ])
  }

  @Test("Parentheses stand where they are needed")
  func parentheses() {
    #expect(
      Cell.mgu.equations() == [
        "fₜ = σ(W_fx xₜ + W_fh hₜ₋₁ + b_f)",
        "nₜ = tanh(W_nx xₜ + W_nh (fₜ ⊙ hₜ₋₁) + b_n)",
        "hₜ = (1 − fₜ) ⊙ hₜ₋₁ + fₜ ⊙ nₜ",
      ])
  }

  @Test("LaTeX is an aligned environment")
  func latex() {
    let latex = Cell.gru.latex
    #expect(latex.hasPrefix("\\begin{aligned}") && latex.hasSuffix("\\end{aligned}"))
    #expect(latex.contains("r_{t} &= \\sigma\\left(W_{rx} x_{t} + b_{r} + W_{rh} h_{t-1} + b_{r′}\\right)"))
  }

  @Test("LSTM-WM has two product stages, the LSTM one")
  func stages() {
    func products(_ stages: [PlanDescription.Stage]) -> Int { stages.count { $0.kind == "products" } }
    #expect(products(Cell.lstmWM.planDescription.forward) == 2)
    #expect(products(Cell.lstmWM.planDescription.backward) == 2)
    #expect(products(Cell.lstm.planDescription.forward) == 1)
    #expect(products(Cell.lstm.planDescription.backward) == 1)
    #expect(products(Cell.lstmWMStale.planDescription.forward) == 1)
  }

  @Test("Products that are summed are one product")
  func accumulators() {
    let first = Cell.lstmPeepholeFull.planDescription.forward[0]
    #expect(first.lines.contains("a₁ = W_ix xₜ + W_ih hₜ₋₁ + W_ic cₜ₋₁ + b_i"))
  }

  @Test("Outputs of transcendental functions are kept, cheap arithmetic is not")
  func saved() {
    let saved = Cell.lstm.planDescription.saved
    #expect(Set(saved) == ["hₜ", "cₜ", "iₜ", "fₜ", "gₜ", "oₜ", "tanh(cₜ)"])
    #expect(Cell.gru.planDescription.saved.contains("W_nh hₜ₋₁ + b_n′"))
    #expect(Cell.rnnTanh.planDescription.saved == ["hₜ"])
  }

  @Test("Parameter counts are those of the paper's settings")
  func counts() {
    let expected: [(Int, Int, lstm: Int, wm: Int)] = [
      (2, 128, 67_072, 116_224), (10, 128, 71_168, 120_320), (1, 128, 66_560, 115_712),
      (1, 256, 264_192, 460_800),
    ]
    for (input, hidden, lstm, wm) in expected {
      #expect(Cell.lstm.parameterCount(inputSize: input, hiddenSize: hidden) == lstm)
      #expect(Cell.lstmWM.parameterCount(inputSize: input, hiddenSize: hidden) == wm)
      #expect(Cell.lstmPeepholeFull.parameterCount(inputSize: input, hiddenSize: hidden) == wm)
      #expect(Cell.lstmPeephole.parameterCount(inputSize: input, hiddenSize: hidden) == lstm + 3 * hidden)
    }
    #expect(Cell.lstmWM.multiplyAdds(inputSize: 1, hiddenSize: 128) == 4 * 128 * 129 + 3 * 128 * 128)
  }

  @Test("Names in the registry are unique")
  func registry() {
    #expect(Set(Cell.all.map(\.name)).count == Cell.all.count)
    #expect(Cell.named("lstm-wm")?.name == "lstm-wm")
    #expect(Cell.named("lstm-vm") == nil)
  }
}
