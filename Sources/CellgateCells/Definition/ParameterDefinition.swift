/// A parameter of a cell: a matrix, a vector or a single number per gate, stacked in the order of `gates`.
public struct ParameterDefinition: Sendable {
  /// What a parameter's values start from.
  public enum Start: Hashable, Sendable {
    /// Uniform in ±√(6 / (rows + columns)) of each gate's matrix (Glorot & Bengio 2010).
    case xavier
    /// A random orthogonal matrix per gate (Saxe et al. 2014).
    case orthogonal
    /// All zeros.
    case zero
    /// Each gate a constant, and what chrono initialisation would make of it; in the order of the gates.
    case perGate([GateBias])
  }

  /// PyTorch's name without a layer's suffix: `weight_ih`, `bias`.
  public let name: String
  /// The gates whose blocks are stacked, in order; `[""]` for a parameter without gates.
  public let gates: [String]
  /// Rows of each gate's matrix, or the size of its vector.
  public let rows: CellDimension
  /// Columns of each gate's matrix; nil for vectors and scalars.
  public let columns: CellDimension?
  /// Whether each gate is a single number, the same for all units.
  public let isScalar: Bool
  /// What its values start from.
  public let start: Start
  /// Whether the values stay what they start from: they are kept with the parameters and get no gradient.
  public let isFixed: Bool

  /// The shape for given sizes: `[gates · rows, columns]`, `[gates · rows]`, or `[gates]` of scalars. P is H where it is nil. On a grid the
  /// columns of a matrix are those of each neighbour.
  public func shape(
    inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, grid: CellGrid? = nil
  ) -> [Int] {
    shape(CellSizes(input: inputSize, hidden: hiddenSize, projection: projectionSize, grid: grid))
  }

  func shape(_ sizes: CellSizes) -> [Int] {
    let rows = gates.count * units(sizes)
    return columns.map { [rows, sizes.columns($0)] } ?? [rows]
  }
}

extension ParameterDefinition {
  /// Rows of each gate, or the numbers of its vector: 1 of a scalar.
  func units(_ sizes: CellSizes) -> Int { isScalar ? 1 : sizes[rows] }
}

/// A gate's bias at the start of training.
public struct GateBias: Hashable, Sendable {
  /// The value of ordinary initialisation, of the first unit where they differ.
  public var constant: Double
  /// The value of the last unit, where those between are evenly spaced; nil where all units have the same.
  public var last: Double?
  /// The sign of log U(1, T−1) under chrono initialisation (Tallec & Ollivier 2018); 0 leaves `constant`.
  public var chronoSign: Int

  /// A bias that starts at `constant`, or goes evenly from that to `last` over the units.
  public init(_ constant: Double, to last: Double? = nil, chronoSign: Int = 0) {
    self.constant = constant
    self.last = last
    self.chronoSign = chronoSign
  }

  /// The values of so many units.
  public func values(_ units: Int) -> [Float] {
    let step = ((last ?? constant) - constant) / Double(max(1, units - 1))
    return (0..<units).map { Float(constant + Double($0) * step) }
  }

  /// Every unit starts at 0.
  public static let zero = GateBias(0)
  /// A forget gate: 1, so that the cell remembers to begin with (Jozefowicz et al. 2015).
  public static let forget = GateBias(1, chronoSign: 1)
  /// An input gate: 0.
  public static let input = GateBias(0, chronoSign: -1)
  /// A gate that keeps the state when it is open, as GRU's z: 0.
  public static let keep = GateBias(0, chronoSign: 1)
}
