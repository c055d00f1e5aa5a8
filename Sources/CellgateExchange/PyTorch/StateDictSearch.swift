import CellgateFiles

/// Finds the state dict in what a training script saved.
struct StateDictSearch {
  let pickle: Pickle
  let file: String

  /// Tensors by their dotted names in the file's order.
  private(set) var tensors: [(name: String, value: Pickle.Value)] = []
  /// Where they were: "model", or "" for the whole.
  private(set) var key = ""
  /// Names of what was left out because it is no tensor.
  private(set) var others: [String] = []

  /// Where training scripts keep the model's state dict.
  private static let keys = [
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params",
    "encoder_decoder",
  ]
  /// What training scripts keep beside the model, with tensors in it.
  private static let besides: Set<String> = [
    "optimizer", "optimizers", "optimizer_state_dict", "optimizer_states", "optim", "optimizer_state",
    "scheduler", "scheduler_state_dict", "lr_scheduler", "lr_schedulers", "scaler", "callbacks", "loops",
    "hyper_parameters", "args", "config", "rng", "rng_state", "amp",
  ]
  /// Dictionaries in dictionaries.
  private static let deepest = 16
  private static let mostTensors = 1 << 16
  private static let mostItems = 1 << 18

  private let holders: Set<Int>
  private var looked = 0

  init(_ pickle: Pickle, file: String) throws(ImportError) {
    self.pickle = pickle
    self.file = file
    holders = Self.holders(pickle)
    var place = pickle.root
    var seen: Set<Int> = []
    // Into the dictionary that a checkpoint keeps the model in.
    while case .object(let number) = place, let items = pickle.items(place), seen.insert(number).inserted {
      let found = Self.keys.lazy.compactMap { key in
        items.last { $0.key == .text(key) }.map { (key, $0.value) }
      }
      .first { isHolder($0.1) }
      guard let (name, value) = found else { break }
      key += (key.isEmpty ? "" : ".") + name
      place = value
    }
    guard case .object(let number) = place, pickle.items(place) != nil else {
      throw .unsupported(
        file: file,
        reason: "expected a dictionary of tensors by their names, found \(describe(place))")
    }
    var path: Set<Int> = []
    try collect(number, prefix: "", &path, depth: 0)
    guard !tensors.isEmpty else {
      throw .unsupported(
        file: file, reason: "expected a dictionary of tensors by their names, found no tensor")
    }
    var names: Set<String> = []
    for tensor in tensors where !names.insert(tensor.name).inserted {
      throw .damaged(
        file: file, reason: "tensor '\(quotedName(tensor.name))': expected the name once, found it twice")
    }
  }

  /// Whether a value is a tensor of any kind.
  private func isTensor(_ value: Pickle.Value) -> Bool {
    pickle.call(value).map { TorchGlobals.rebuilders.contains($0.name) } ?? false
  }

  private func isHolder(_ value: Pickle.Value) -> Bool {
    if case .object(let number) = value { holders.contains(number) } else { false }
  }

  /// The dictionaries that hold tensors, in themselves or in dictionaries inside them.
  private static func holders(_ pickle: Pickle) -> Set<Int> {
    var (parents, holders, waiting): ([Int: [Int]], Set<Int>, [Int]) = ([:], [], [])
    for (number, object) in pickle.objects.enumerated() {
      guard case .dictionary(let items) = object else { continue }
      for item in items {
        guard case .object(let inner) = item.value else { continue }
        switch pickle.objects[inner] {
        case .dictionary: parents[inner, default: []].append(number)
        case .call(let name, _) where TorchGlobals.rebuilders.contains(name):
          if holders.insert(number).inserted { waiting.append(number) }
        default: break
        }
      }
    }
    while let next = waiting.popLast() {
      for parent in parents[next] ?? [] where holders.insert(parent).inserted { waiting.append(parent) }
    }
    return holders
  }

  private mutating func collect(
    _ number: Int, prefix: String, _ path: inout Set<Int>, depth: Int
  ) throws(ImportError) {
    guard let items = pickle.items(.object(number)) else { return }
    // A dictionary may stand in many places: what is looked at is bounded.
    looked += items.count
    guard depth < Self.deepest, path.insert(number).inserted, looked <= Self.mostItems else {
      throw .unsupported(
        file: file,
        reason:
          "'\(quotedName(prefix))': expected \(Self.mostItems) names in dictionaries at most \(Self.deepest) deep, found more"
      )
    }
    defer { path.remove(number) }
    for item in items {
      guard case .text(let key) = item.key else {
        others.append(prefix + "?")
        continue
      }
      let name = prefix + key
      if isTensor(item.value) {
        guard tensors.count < Self.mostTensors else {
          throw .unsupported(
            file: file, reason: "expected at most \(Self.mostTensors) tensors, found more")
        }
        tensors.append((name, item.value))
      } else if case .object(let inner) = item.value, holders.contains(inner),
        !(depth == 0 && Self.besides.contains(key)), !path.contains(inner)
      {
        try collect(inner, prefix: name + ".", &path, depth: depth + 1)
      } else {
        others.append(name)
      }
    }
  }

  private func describe(_ value: Pickle.Value) -> String {
    switch value {
    case .none: return "None"
    case .bool, .integer, .bigInteger, .real: return "a number"
    case .text, .bytes: return "a string"
    case .global(let name): return quotedName(TorchGlobals.shown(name))
    case .object(let number):
      switch pickle.objects[number] {
      case .list, .tuple: return "a list"
      case .set: return "a set"
      case .call(let name, _):
        return isTensor(value) ? "one tensor without a name" : quotedName(TorchGlobals.shown(name))
      default: return "something else"
      }
    }
  }

  /// Symbols by their numbers, of what a checkpoint keeps beside a character model: a list or text of characters, or a
  /// dictionary from characters to numbers.
  func symbols() -> [String]? {
    let names = [
      "chars", "itos", "idx2char", "idx_to_char", "vocab", "vocabulary", "stoi", "char2idx", "char_to_idx",
      "char_to_ix",
    ]
    guard let items = pickle.items(pickle.root) else { return nil }
    for name in names {
      guard let value = items.last(where: { $0.key == .text(name) })?.value else { continue }
      if case .text(let text) = value { return text.unicodeScalars.map { String($0) } }
      if let elements = pickle.elements(value) {
        let texts = elements.compactMap { if case .text(let text) = $0 { text } else { nil } }
        if !texts.isEmpty, texts.count == elements.count { return texts }
      }
      if let pairs = pickle.items(value), !pairs.isEmpty {
        var symbols = [String?](repeating: nil, count: pairs.count)
        for pair in pairs {
          switch (pair.key, pair.value) {
          case (.text(let text), .integer(let number)), (.integer(let number), .text(let text)):
            if symbols.indices.contains(number) { symbols[number] = text }
          default: break
          }
        }
        let known = symbols.compactMap(\.self)
        if known.count == symbols.count { return known }
      }
    }
    return nil
  }
}
