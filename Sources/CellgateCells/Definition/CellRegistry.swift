extension Cell {
  /// Every cell of this package: those written in Swift, then those of the zoo.
  public static let all: [Cell] = core + zoo

  /// The cells that are written in Swift. A new one is a file in `Cells` and a line here.
  public static let core: [Cell] = [
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
  public static func named(_ name: String) -> Cell? {
    core.first { $0.name == name } ?? zoo.first { $0.name == name }
  }
}
