import CellgateCells
import CellgateTensor

/// What a model is made of, for people.
public struct ModelSummary: Sendable, CustomStringConvertible {
  /// A layer's line.
  public struct Row: Sendable, Equatable {
    /// The layer's name in the model.
    public let name: String
    /// Its kind, and what of its options matters: "recurrent (lstm-wm)".
    public let kind: String
    /// The shapes of its outputs.
    public let shapes: [LayerShape]
    /// Numbers that it learns; of a layer that is called twice the second time 0.
    public let parameters: Int
  }

  /// The inputs by name.
  public let inputs: [(name: String, shape: LayerShape)]
  /// The calls of layers in order.
  public let rows: [Row]
  /// Numbers that are learned.
  public let parameters: Int
  /// Numbers that are kept and not learned, such as running means.
  public let buffers: Int

  init(_ model: Model) {
    inputs = model.inputs.map { ($0.name, $0.shape) }
    var seen: Set<String> = []
    func kind(_ layer: some Layer) -> String {
      switch layer {
      case let layer as Recurrent:
        "\(layer.options.isBidirectional ? "bidirectional " : "")recurrent (\(layer.cell.name)\(layer.options.kernel.map { " on a grid, \($0) × \($0)" } ?? ""))"
      case let layer as Bidirectional: "bidirectional (\(layer.options.layer.cell.cell.name))"
      case let layer as RecurrentDecoder: "recurrent decoder (\(layer.options.recurrent.cell.cell.name))"
      case let layer as AttentionDecoder:
        "attention decoder (\(([layer.options.recurrent] + (layer.options.second.map { [$0] } ?? [])).map(\.cell.cell.name).joined(separator: ", ")))"
      case let layer as SegmentForecaster:
        "segment forecaster (\(layer.options.transformer == nil ? layer.options.recurrent.cell.cell.name : "transformer"))"
      default: type(of: layer).kind
      }
    }
    rows = model.calledLayers.map { name, layer, shapes in
      let count = layer.namedParameters().reduce(0) { $0 + $1.parameter.value.count }
      return Row(
        name: name, kind: kind(layer), shapes: shapes, parameters: seen.insert(name).inserted ? count : 0)
    }
    let all = model.state.entries.reduce(0) { $0 + $1.tensor.count }
    parameters = model.namedParameters().reduce(0) { $0 + $1.parameter.value.count }
    buffers = all - parameters
  }

  /// A table: a line for each call of a layer, and the numbers of all together.
  public var description: String {
    let heading = ["Layer", "Kind", "Output", "Parameters"]
    let cells =
      inputs.map { [$0.name, "input", "\($0.shape)", ""] }
      + rows.map { row in
        [
          row.name, row.kind, row.shapes.map(\.description).joined(separator: " "),
          Self.grouped(row.parameters),
        ]
      }
    let widths = (0..<4).map { column in ([heading] + cells).map { $0[column].count }.max() ?? 0 }
    func line(_ cells: [String]) -> String {
      let padded = cells.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column == 3 ? space + cell : cell + space
      }
      return padded.joined(separator: "  ")
    }
    let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
    let fixed = buffers > 0 ? ", and \(Self.grouped(buffers)) that are not learned" : ""
    return
      ([line(heading), rule] + cells.map(line) + [rule, "\(Self.grouped(parameters)) parameters\(fixed)"])
      .joined(separator: "\n")
  }

  /// 1234567 as "1,234,567".
  private static func grouped(_ value: Int) -> String {
    var text = String(value)
    var place = text.count - 3
    while place > 0 {
      text.insert(",", at: text.index(text.startIndex, offsetBy: place))
      place -= 3
    }
    return text
  }
}

extension Model {
  /// What the model is made of, of a model that is built: `print(model.summary)`.
  public var summary: ModelSummary { ModelSummary(self) }
}
