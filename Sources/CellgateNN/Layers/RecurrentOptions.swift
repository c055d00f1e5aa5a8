import CellgateBasics
import CellgateCells
import CellgateTensor

/// A cell in a description: its text.
public struct CellText: Codable, Equatable, Sendable {
  /// The cell.
  public let cell: Cell

  /// A cell.
  public init(_ cell: Cell) { self.cell = cell }

  /// Reads the text of a cell.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.singleValueContainer()
    let text = try values.decode(String.self)
    do throws(CellTextError) { cell = try Cell(text: text) } catch {
      throw DecodingError.dataCorruptedError(in: values, debugDescription: "cell: \(error)")
    }
  }

  /// Writes the cell's text.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.singleValueContainer()
    try values.encode(cell.text)
  }

  /// Cells of the same text.
  public static func == (left: CellText, right: CellText) -> Bool { left.cell.text == right.cell.text }
}

/// What a recurrent layer gives for the steps that are masked.
public enum MaskedOutput: String, Codable, Sendable {
  /// The output of such a step is 0.
  case zero
  /// The output of the last valid step before, 0 where there is none, as in Keras.
  case previous
}

/// The options of a recurrent layer.
public struct RecurrentOptions: LayerOptions {
  /// The cell.
  public var cell: CellText
  /// H.
  public var units: Int
  /// P of a cell with a projection; nil for H.
  public var projection: Int?
  /// The side of the neighbourhood that each matrix reads at each place of a grid, which makes convolutions of the
  /// products (``CellGrid``); inputs are then sequences of `[height, width, channels]`. Nil for sequences of vectors.
  public var kernel: Int?
  /// L: so many layers one on the other.
  public var layers = 1
  /// Whether each layer runs in both directions.
  public var isBidirectional = false
  /// The share of a layer's outputs that is dropped before the next layer reads them.
  public var dropout: Float = 0
  /// The share of the input that is dropped, the same at each step.
  public var inputDropout: Float = 0
  /// The share of the last output that is dropped where matrices read it, the same at each step.
  public var recurrentDropout: Float = 0
  /// How likely a unit of each state keeps its last value, drawn anew at each step; at inference the expected value
  /// takes its place. Nil for never.
  public var zoneout: Zoneout?
  /// The share of the recurrent matrices' weights that is dropped, the same at each step and for all sequences; nil for
  /// none.
  public var weightDrop: Float?
  /// Whether the output is that of every step, or of the last valid one.
  public var returnSequences = false
  /// Whether the states after the last valid step are outputs too.
  public var returnState = false
  /// Whether the steps are taken from the last to the first; the output has them in that order.
  public var goBackwards = false
  /// Whether the states after a batch are those before the next.
  public var stateful = false
  /// Whether the first states are learned.
  public var learnsFirstStates = false
  /// What stands at masked steps of the output.
  public var maskedOutput = MaskedOutput.zero
  /// What the factors of matrix products are rounded to.
  public var precision = Precision.float32
  /// Steps between the states that are kept for the backward pass; nil keeps all.
  public var recomputeEvery: Int?
  /// What names the noise and what observers see; nil for the layer's name in its model.
  public var noise: String?

  /// Options with their defaults.
  public init(cell: Cell, units: Int) {
    self.cell = CellText(cell)
    self.units = units
  }

  /// Sizes of 1 or more, shares below 1, a projection of a cell that has one.
  public var problem: String? {
    if let problem = SizeCheck.problem(
      ("units", units), ("projection", projection ?? 1), ("layers", layers),
      ("recompute_every", recomputeEvery ?? 1))
    {
      return problem
    }
    if projection != nil, !cell.cell.hasProjection {
      return
        "projection: expected none, as the cell \(cell.cell.name) has no projection, found \(projection ?? 0)"
    }
    if let kernel, kernel < 1 || kernel % 2 == 0 || kernel > 99 {
      return "kernel: expected an odd number of 1 to 99, found \(kernel)"
    }
    if kernel != nil, precision != .float32 {
      return "precision: expected float32 on a grid, found \(precision)"
    }
    if stateful, isBidirectional || learnsFirstStates {
      return "stateful: expected one direction and first states that are not learned, found others"
    }
    return SizeCheck.problem(share: "dropout", dropout)
      ?? SizeCheck.problem(share: "input_dropout", inputDropout)
      ?? SizeCheck.problem(share: "recurrent_dropout", recurrentDropout)
      ?? SizeCheck.problem(share: "weight_drop", weightDrop ?? 0)
      ?? zoneout?.problem(for: cell.cell).map { "zoneout: " + $0 }
  }
}
