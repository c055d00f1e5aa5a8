import CellgateFiles

/// What a Keras weights file alone may belong to: a chain of the layers whose variables it has, for the user to correct.
enum KerasProposal {
  /// `{"kind": "keras", "config": …}`, a configuration as `config.json` of a `.keras` file has it: layers in a usual order,
  /// activations by their defaults; nil where the variables don't look like layers.
  static func architecture(_ arrays: [KerasArray]) -> Architecture? {
    var shapes: [String: [Int: [Int]]] = [:]
    var order: [String] = []
    for array in arrays {
      let parts = array.path.split(separator: "/").map(String.init)
      guard parts.count >= 4, parts[0] == "layers", parts[parts.count - 2] == "vars",
        let index = Int(parts[parts.count - 1])
      else { return nil }
      let folder = parts[1]
      if parts.count > 4, parts[2] == "backward_layer" { continue }
      if shapes[folder] == nil { order.append(folder) }
      shapes[folder, default: [:]][index] = array.shape
    }
    let backward = Set(
      arrays.filter { $0.path.contains("/backward_layer/") }.compactMap {
        $0.path.split(separator: "/").dropFirst().first.map(String.init)
      })
    let ranks = [
      "embedding": 0, "lstm": 1, "gru": 1, "simple_rnn": 1, "bidirectional": 1, "layer_normalization": 2,
      "dense": 3,
    ]
    func kind(_ folder: String) -> String {
      ranks.keys.filter { folder == $0 || folder.hasPrefix($0 + "_") }.max { $0.count < $1.count } ?? folder
    }
    var layers: [JSONTree] = []
    let sorted = order.sorted { (ranks[kind($0)] ?? 9, $0.count, $0) < (ranks[kind($1)] ?? 9, $1.count, $1) }
    let recurrent = sorted.filter { ranks[kind($0)] == 1 }
    for folder in sorted {
      let own = shapes[folder] ?? [:]
      guard let first = own[0], let last = first.last else { return nil }
      switch kind(folder) {
      case "embedding":
        guard first.count == 2 else { return nil }
        layers.append(
          object("Embedding", folder, ["input_dim": number(first[0]), "output_dim": number(last)]))
      case "dense":
        layers.append(object("Dense", folder, ["units": number(last), "use_bias": .bool(own[1] != nil)]))
      case "layer_normalization": layers.append(object("LayerNormalization", folder, [:]))
      case "lstm", "gru", "simple_rnn", "bidirectional":
        guard first.count == 2, let units = own[1]?.first, units > 0, last % units == 0 else { return nil }
        let name = [4: "LSTM", 3: "GRU", 1: "SimpleRNN"][last / units]
        guard let name else { return nil }
        var members: [String: JSONTree] = [
          "units": number(units), "use_bias": .bool(own[2] != nil),
          "return_sequences": .bool(folder != recurrent.last),
        ]
        if name == "GRU" { members["reset_after"] = .bool(own[2]?.count != 1) }
        let layer = object(name, folder, members)
        layers.append(backward.contains(folder) ? object("Bidirectional", folder, ["layer": layer]) : layer)
      default: return nil
      }
    }
    guard let first = sorted.first, let shape = shapes[first]?[0] else { return nil }
    let input: [JSONTree] =
      kind(first) == "embedding"
      ? [.null, .null]
      : ranks[kind(first)] == 1 ? [.null, .null, number(shape[0])] : [.null, number(shape[0])]
    layers.insert(object("InputLayer", "input", ["batch_shape": .array(input)]), at: 0)
    let model = object("Sequential", "sequential", ["layers": .array(layers)])
    return Architecture(.object([.init("kind", .string("keras")), .init("config", model)]))
  }

  private static func number(_ value: Int) -> JSONTree { .number("\(value)") }

  private static func object(_ kind: String, _ name: String, _ members: [String: JSONTree]) -> JSONTree {
    let config =
      [JSONTree.Member("name", .string(name))]
      + members.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }
    return .object([.init("class_name", .string(kind)), .init("config", .object(config))])
  }
}
