import CellgateBasics
import CellgateTensor

/// A matrix as signed bytes: each row is a scale times whole numbers in -127 ... 127.
public struct ByteMatrix: Sendable, Equatable {
  /// Rows and columns.
  public let rows: Int, columns: Int
  /// The bytes, row by row, [rows, columns].
  public let bytes: [Int8]
  /// The scale of each row, [rows].
  public let scales: [Float]

  /// The nearest to a matrix `[rows, columns]` (``Precision/int8``); nil for a tensor of another rank or with a number that is not
  /// finite.
  public init?(_ matrix: Tensor) {
    guard matrix.rank == 2 else { return nil }
    let (rows, columns, numbers) = (matrix.shape[0], matrix.shape[1], matrix.scalars)
    var (bytes, scales): ([Int8], [Float]) = ([], [])
    bytes.reserveCapacity(numbers.count)
    for row in 0..<rows {
      let own = numbers[row * columns..<(row + 1) * columns], scale = ByteScale(own)
      guard let whole = scale.bytes(own) else { return nil }
      bytes += whole
      scales.append(scale.value)
    }
    (self.rows, self.columns, self.bytes, self.scales) = (rows, columns, bytes, scales)
  }

  /// Bytes of so many rows as their scales, as a file has them; nil where counts don't fit, a byte is -128 or a scale is none that
  /// ``ByteScale`` gives: what would not be the same again.
  public init?(rows: Int, columns: Int, bytes: [Int8], scales: [Float]) {
    guard bytes.count == rows * columns, scales.count == rows, !bytes.contains(-128),
      scales.allSatisfy(ByteScale.isScale)
    else { return nil }
    (self.rows, self.columns, self.bytes, self.scales) = (rows, columns, bytes, scales)
  }

  /// The matrix in Float32, exactly: rounded again, it has the same bytes and scales.
  public var tensor: Tensor {
    var numbers: [Float] = []
    numbers.reserveCapacity(bytes.count)
    for row in 0..<rows {
      let scale = scales[row]
      numbers += bytes[row * columns..<(row + 1) * columns].map { Float($0) * scale }
    }
    return Tensor(numbers, shape: [rows, columns])
  }
}

extension StateDictionary {
  /// The same numbers with all matrices rounded to signed bytes row by row (``ByteMatrix``): those of recurrent and dense layers, and
  /// embeddings' vectors. What is no matrix, such as biases, stays, and so do matrices with numbers that are not finite.
  public var roundedToBytes: StateDictionary {
    StateDictionary(entries.map { .init($0.name, ByteMatrix($0.tensor)?.tensor ?? $0.tensor) })
  }
}

extension Module {
  /// Rounds all matrices to signed bytes, as ``StateDictionary/roundedToBytes``, and computes its linear maps with them.
  package func computeInBytes() {
    for (_, held) in namedTensors() {
      if let matrix = ByteMatrix(held.value) { held.assign(matrix.tensor) }
    }
    for map in linearMaps { map.compute(in: .int8) }
  }
}

extension Model {
  /// The same model whose recurrent layers compute their products in another precision, and with them, in signed bytes, its linear maps:
  /// dense layers, heads, and the maps between cells and attention.
  ///
  /// ```swift
  /// let small = try Model.load("model.safetensors").computing(in: .int8)
  /// let stream = try small.stream()
  /// ```
  ///
  /// With ``Precision/int8`` all matrices are rounded to signed bytes, embeddings' vectors too; what is no product with one of them is computed
  /// in Float32, and so is a model without recurrent layers. Such a model can't be trained. Throws `badDescription` where the
  /// layers don't support the precision, as on a grid.
  public func computing(in precision: Precision) throws(LayerError) -> Model {
    if let problem = precision.problem(on: .active) { throw .badDescription(reason: problem) }
    var description = description
    for index in description.layers.indices {
      guard var holder = description.layers[index].options as? any CellHolder else { continue }
      for (name, var options) in holder.cells {
        options.precision = precision
        holder.replace(name, with: options)
      }
      description.layers[index].options = holder
    }
    let own = description
    let model = try Initializer.withoutDrawing { () throws(LayerError) in try Model(own) }
    do throws(StateError) { try model.load(precision == .int8 ? state.roundedToBytes : state) } catch {
      throw .badDescription(reason: error.description)
    }
    (model.metadata, model.compilation) = (metadata, compilation)
    return model
  }
}
