import CellgateFiles
import CellgateTensor

/// The tensors of one module of a state dict: those whose names differ after the last dot only.
struct WeightGroup {
  /// The module's name: "encoder.lstm"; "" of tensors without a module.
  let path: String
  /// The tensors by the last part of their names, in the order of the file.
  private(set) var tensors: [(name: String, tensor: Tensor)] = []

  subscript(name: String) -> Tensor? { tensors.first { $0.name == name }?.tensor }

  /// The last part of the module's name: "lstm".
  var module: String { path.split(separator: ".").last.map(String.init) ?? "" }

  /// In errors and findings.
  var shown: String { path.isEmpty ? "the tensors without a module" : "'\(quotedName(path))'" }

  /// What kind of module has such tensors.
  var role: Role {
    if self["weight_ih_l0"] != nil || self["weight_ih"] != nil { return .recurrent }
    let weight = self["weight"]
    switch (weight?.rank, self["bias"]?.rank, tensors.count) {
    case (2, nil, 1): return .matrix
    case (2, 1, 2): return self["bias"]?.shape == [weight?.shape[0] ?? -1] ? .linear : .other
    case (1, 1, 2): return self["bias"]?.shape == weight?.shape ? .norm : .other
    default: return .other
    }
  }

  enum Role {
    /// An LSTM, GRU, RNN or one of their cells.
    case recurrent
    /// A weight of two dimensions alone: an embedding, or a linear map without a bias.
    case matrix
    /// A weight of two dimensions and a bias.
    case linear
    /// A weight and a bias of one size.
    case norm
    case other
  }

  /// The groups of tensors, in the order of their first ones.
  static func groups(_ tensors: [ForeignTensor]) -> [WeightGroup] {
    var (groups, index): ([WeightGroup], [String: Int]) = ([], [:])
    for item in tensors {
      // Counters and the like are no weights.
      guard let tensor = item.tensor, tensor.rank > 0, item.isReal else { continue }
      let parts = item.name.split(separator: ".", omittingEmptySubsequences: false)
      let (path, name) = (parts.dropLast().joined(separator: "."), String(parts.last ?? ""))
      let place = index[path] ?? groups.count
      if place == groups.count {
        index[path] = place
        groups.append(WeightGroup(path: path))
      }
      groups[place].tensors.append((name, tensor))
    }
    return groups
  }
}
