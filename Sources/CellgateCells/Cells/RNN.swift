extension Cell {
  /// Elman's recurrent network with tanh.
  public static let rnnTanh = Cell.builtIn(
    "rnn-tanh", "Elman's recurrent network with tanh",
    source: "Elman 1990, https://doi.org/10.1207/s15516709cog1402_1"
  ) { elman($0, activation: tanh) }

  /// Elman's recurrent network with a rectifier.
  public static let rnnReLU = Cell.builtIn(
    "rnn-relu", "Elman's recurrent network with a rectifier",
    source: "Le et al. 2015, https://arxiv.org/abs/1504.00941"
  ) { elman($0, activation: relu) }

  private static func elman(_ cell: CellBuilder, activation: (CellExpression) -> CellExpression) {
    let x = cell.input
    let h = cell.state("h")
    let W = cell.matrix("weight_ih")
    let U = cell.matrix("weight_hh", start: .orthogonal)
    let b = cell.vector("bias")
    cell.next(h, activation(W(x) + U(h) + b))
  }
}
