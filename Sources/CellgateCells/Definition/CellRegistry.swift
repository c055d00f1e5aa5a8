extension Cell {
  /// Every cell of this package. A new one is a file in `Cells` and a line here.
  public static let all: [Cell] = [
    .rnnTanh,
    .rnnReLU,
    .gru,
    .lstm,
    .lstmPeephole,
    .lstmPeepholeFull,
    .lstmWM,
    .lstmCoupled,
    .mgu,
    .lstmWMStale,
    .lstmWMInner,
  ]

  /// The cell of this name, if there is one.
  public static func named(_ name: String) -> Cell? { all.first { $0.name == name } }
}
