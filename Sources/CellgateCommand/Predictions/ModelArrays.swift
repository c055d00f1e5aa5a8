import Cellgate
import CellgateFiles

/// The arrays of a file, found by what a model takes.
struct ModelArrays {
  private let file: String
  private let arrays: [(name: String, tensor: Tensor)]

  /// Reads a file.
  init(_ file: String) throws {
    self.file = file
    arrays = try ArrayFile.read(file)
  }

  /// The array of each of the model's inputs: of its name, or the only one that is no target.
  func inputs(of model: Model) throws(CommandFailure) -> [Tensor] {
    let names = model.inputs.isEmpty ? ["x"] : model.inputs.map(\.name)
    if names.count == 1 {
      let others = arrays.filter { !Self.isTarget($0.name) }
      if let own = arrays.first(where: { $0.name == names[0] }) ?? (others.count == 1 ? others[0] : nil) {
        return [own.tensor]
      }
    }
    return try arrays(names)
  }

  /// The target of each of the model's outputs: y, or y_1, y_2 and so on where there are several.
  func targets(of model: Model) throws(CommandFailure) -> [Tensor] {
    let count = model.outputShapes.count
    return try arrays(count == 1 ? ["y"] : (1...count).map { "y_\($0)" })
  }

  private static func isTarget(_ name: String) -> Bool { name == "y" || name.hasPrefix("y_") }

  private func arrays(_ names: [String]) throws(CommandFailure) -> [Tensor] {
    try names.map { name throws(CommandFailure) in
      guard let array = arrays.first(where: { $0.name == name }) else {
        throw CommandFailure(
          .data,
          "\(file): expected an array '\(name)', found \(Text.list(arrays.prefix(8).map { "'\($0.name)'" }))")
      }
      return array.tensor
    }
  }
}
