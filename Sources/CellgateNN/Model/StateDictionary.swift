import CellgateFiles
import CellgateTensor

/// The numbers of a module by dotted names, in the module's order: parameters and buffers.
public struct StateDictionary {
  /// A tensor and its name.
  public struct Entry {
    /// The dotted name: "recurrent.weight_ih_l0".
    public let name: String
    /// The numbers.
    public let tensor: Tensor

    /// A tensor under a name.
    public init(_ name: String, _ tensor: Tensor) {
      self.name = name
      self.tensor = tensor
    }
  }

  /// The tensors in order, their names different.
  public private(set) var entries: [Entry]
  private var index: [String: Int]

  /// A dictionary of these entries; of two of one name the last counts.
  public init(_ entries: [Entry] = []) {
    self.entries = []
    index = [:]
    for entry in entries { self[entry.name] = entry.tensor }
  }

  /// The tensor of a name; nil takes it out.
  public subscript(name: String) -> Tensor? {
    get { index[name].map { entries[$0].tensor } }
    set {
      switch (index[name], newValue) {
      case (let place?, let tensor?): entries[place] = Entry(name, tensor)
      case (nil, let tensor?):
        index[name] = entries.count
        entries.append(Entry(name, tensor))
      case (let place?, nil):
        entries.remove(at: place)
        index = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
      case (nil, nil): break
      }
    }
  }

  /// The names in order.
  public var names: [String] { entries.map(\.name) }
  /// Numbers in all tensors together.
  public var count: Int { entries.reduce(0) { $0 + $1.tensor.count } }
}

/// In what a dictionary differs from the module that it is loaded into.
public struct StateDifference: Equatable, Sendable {
  /// Names of the module that the dictionary lacks.
  public var missing: [String] = []
  /// Names of the dictionary that the module lacks.
  public var unexpected: [String] = []
  /// Names of both whose shapes differ: the module's and the dictionary's.
  public var wrongShapes: [WrongShape] = []

  /// A tensor of another shape than the module's.
  public struct WrongShape: Equatable, Sendable {
    /// The name.
    public let name: String
    /// The module's shape.
    public let expected: [Int]
    /// The dictionary's.
    public let found: [Int]

    /// A name with both shapes.
    public init(name: String, expected: [Int], found: [Int]) {
      self.name = name
      self.expected = expected
      self.found = found
    }
  }

  /// A difference; none at first.
  public init(missing: [String] = [], unexpected: [String] = [], wrongShapes: [WrongShape] = []) {
    self.missing = missing
    self.unexpected = unexpected
    self.wrongShapes = wrongShapes
  }

  /// Whether there is none.
  public var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && wrongShapes.isEmpty }
}

/// A dictionary that doesn't fit a module.
public struct StateError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What doesn't fit.
  public let difference: StateDifference

  /// What is missing, not expected or of another shape, in one line with at most three names of each.
  public var description: String {
    func names(_ names: [String]) -> String {
      names.prefix(3).map(quotedName).joined(separator: ", ")
        + (names.count > 3 ? " and \(names.count - 3) more" : "")
    }
    var parts: [String] = []
    if !difference.missing.isEmpty { parts.append("missing: " + names(difference.missing)) }
    if !difference.unexpected.isEmpty { parts.append("not expected: " + names(difference.unexpected)) }
    for wrong in difference.wrongShapes.prefix(3) {
      parts.append("\(quotedName(wrong.name)): expected \(wrong.expected), found \(wrong.found)")
    }
    if difference.wrongShapes.count > 3 {
      parts.append("\(difference.wrongShapes.count - 3) more of other shapes")
    }
    return oneLine("tensors: " + parts.joined(separator: "; "))
  }
}

extension Module {
  /// Copies of all parameters and buffers by their names.
  public var state: StateDictionary {
    StateDictionary(namedTensors().map { .init($0.name, $0.held.value.detached.copied()) })
  }

  /// Takes the values of a dictionary by name. Throws unless it has exactly the module's names and shapes, and nothing
  /// changes then; with `strict: false` what fits is taken, and the difference is returned.
  @discardableResult
  public func load(_ state: StateDictionary, strict: Bool = true) throws(StateError) -> StateDifference {
    let own = namedTensors()
    var difference = StateDifference()
    var taken: [(HeldTensor, Tensor)] = []
    for (name, held) in own {
      guard let tensor = state[name] else {
        difference.missing.append(name)
        continue
      }
      if tensor.shape == held.value.shape {
        taken.append((held, tensor))
      } else {
        difference.wrongShapes.append(.init(name: name, expected: held.value.shape, found: tensor.shape))
      }
    }
    let names = Set(own.map(\.name))
    difference.unexpected = state.names.filter { !names.contains($0) }
    if strict, !difference.isEmpty { throw StateError(difference: difference) }
    for (held, tensor) in taken { held.assign(tensor) }
    return difference
  }
}
