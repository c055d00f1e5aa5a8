import CellgateNN

/// What an axis of a value stands for: the steps or the sequences. Two axes that turn out to be the same are joined.
final class ONNXRole {
  enum Kind { case open, time, batch }
  private var parent: ONNXRole?
  private var ownKind = Kind.open
  private var ownSize: Int?

  init(_ kind: Kind = .open, size: Int? = nil) {
    ownKind = kind
    ownSize = size
  }

  private var root: ONNXRole {
    var role = self
    while let next = role.parent { role = next }
    return role
  }

  var kind: Kind { root.ownKind }
  /// The size that the file says, nil where it is open.
  var size: Int? { root.ownSize }

  /// Makes this axis one of a kind; false where it is another.
  func become(_ kind: Kind) -> Bool {
    let root = root
    if root.ownKind == .open { root.ownKind = kind }
    return root.ownKind == kind
  }

  func isSame(as other: ONNXRole) -> Bool { root === other.root }

  /// Makes both the same; false where they are of different kinds.
  func join(_ other: ONNXRole) -> Bool {
    let (first, second) = (root, other.root)
    if first === second { return true }
    guard first.ownKind == .open || second.ownKind == .open || first.ownKind == second.ownKind else {
      return false
    }
    if first.ownKind == .open { first.ownKind = second.ownKind }
    if first.ownSize == nil { first.ownSize = second.ownSize }
    second.parent = first
    return true
  }
}

/// An axis of a value.
enum ONNXAxis {
  /// The steps or the sequences.
  case role(ONNXRole)
  /// One of the factors that a step's numbers are laid out in.
  case factor(Int)
  /// The rows of a stack of states.
  case rows
  /// A size of 1.
  case one

  var isOne: Bool { if case .one = self { true } else { false } }
  var isRows: Bool { if case .rows = self { true } else { false } }
  var role: ONNXRole? { if case .role(let role) = self { role } else { nil } }
  var factor: Int? { if case .factor(let index) = self { index } else { nil } }
}

/// A value of a model's graph while it is put together: the number of inputs is known at the end.
enum ONNXReference: Hashable {
  case input(Int)
  case call(Int, output: Int)
}

/// A size that a graph computes.
enum ONNXSize {
  case number(Int)
  case role(ONNXRole)
  case unknown

  var role: ONNXRole? { if case .role(let role) = self { role } else { nil } }
}

/// A value of an ONNX graph, as far as it must be known to say what the graph computes.
enum ONNXValue {
  /// Numbers in the file.
  case constant(ONNXTensor)
  /// Whole numbers that are computed from shapes.
  case sizes([ONNXSize], isScalar: Bool)
  /// One number everywhere, of some shape.
  case filled(Float)
  /// A value of the model.
  case data(Data)
  /// States of several layers and directions, each a vector for each sequence.
  case stack(Stack)
  /// The input that holds the lengths.
  case lengths(isSorted: Bool)
  /// The number of steps, for each sequence.
  case wholeLengths
  /// An order of the sequences: by falling length, or back from it.
  case order(isBack: Bool)
  /// 0, 1, 2, …, as many as there are sequences.
  case counting
  /// 0, 1, 2, …, as many as there are steps.
  case steps
  /// Arithmetic that may come to a layer, of one value of the model or of none.
  case formula(ONNXFormula, Data?)
  /// Whether a step is below its sequence's length, for each step and sequence.
  case valid

  struct Data {
    var value: ONNXReference
    var axes: [ONNXAxis]
    /// The sizes of the factors of a step's numbers, in the order in which Cellgate lays them out.
    var factors: [Int]
    /// Whether the sequences are in the order of their lengths.
    var isSorted = false
    /// Whether the steps go from the last to the first.
    var isReversed = false
    /// Whether the lengths go with it.
    var isMasked = false

    var roles: [ONNXRole] { axes.compactMap(\.role) }
    var time: Int? { axes.firstIndex { $0.role?.kind == .time } }
    var batch: Int? { axes.firstIndex { $0.role?.kind == .batch } }
  }

  struct Stack {
    /// Vectors of `size` numbers.
    var rows: [ONNXReference]
    var size: Int
    /// One of them is `rows`, one the sequences' role or `one`, one is factor 0; others are `one`.
    var axes: [ONNXAxis]
    var isSorted = false
    /// Whether they are states after sequences whose lengths are given.
    var followsLengths = false
  }
}
