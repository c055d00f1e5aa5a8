import CellgateBasics
import CellgateTensor

/// Vectors as codes of 4 bits: each is cut into parts, and the code of a part is the nearest of 16 centres (Jégou, Douze and Schmid 2011,
/// https://hal.inria.fr/inria-00514462).
@safe struct ProductQuantizer {
  /// Numbers of a vector, and of a part; the last part may reach beyond, where zeros are.
  let dimension: Int, partSize: Int
  /// A multiple of 8 parts, as many as the kernel takes at once.
  let parts: Int
  /// [parts, partSize, 16]: the numbers of the 16 centres side by side.
  let centres: [SIMD16<Float>]

  /// The most parts, so that sums of table entries fit 16 bits.
  static let mostParts = 512
  /// The largest entry of a table: two of them fit a byte.
  private static let largest: Float = 127

  /// A multiple of 8 parts of so many numbers that together have as many as a vector, or more.
  static func parts(_ dimension: Int, partSize: Int) -> Int {
    ((dimension + partSize - 1) / partSize + 7) / 8 * 8
  }

  init(dimension: Int, partSize: Int, centres: [SIMD16<Float>]) {
    (self.dimension, self.partSize, self.centres) = (dimension, partSize, centres)
    parts = Self.parts(dimension, partSize: partSize)
  }

  /// Learns centres of vectors `[N, D]`.
  init(fitting vectors: Tensor, partSize: Int, iterations: Int, stream: RandomStream) {
    let (count, dimension) = (vectors.shape[0], vectors.shape[1])
    let parts = Self.parts(dimension, partSize: partSize)
    let found = SharedParts<[SIMD16<Float>]>(count: parts)
    ThreadPool.current.run(parts) { part in
      let from = unsafe UnsafePointer(vectors.pointer)
      let points = Tensor.uninitialized([count, partSize])
      for row in 0..<count {
        for index in 0..<partSize {
          let column = part * partSize + index
          unsafe points.pointer[row * partSize + index] =
            column < dimension ? from[row * dimension + column] : 0
        }
      }
      var own = stream.child("\(part)")
      let clusters = Clusters(fitting: points, count: 16, iterations: iterations, stream: &own)
      let numbers = clusters.centres.scalars
      found.set(
        part,
        (0..<partSize).map { index in
          // Fewer vectors than centres have the last centre several times.
          SIMD16(
            (0..<16).map { count == 0 ? 0 : numbers[min($0, clusters.count - 1) * partSize + index] })
        })
    }
    self.init(dimension: dimension, partSize: partSize, centres: found.all.flatMap(\.self))
  }

  /// The codes of a vector, one for each part, and what is left of the vector in its place: the vector less what the codes stand for.
  func encode(_ vector: UnsafeMutablePointer<Float>, into codes: UnsafeMutablePointer<UInt8>) {
    for part in 0..<parts {
      var distances = SIMD16<Float>(repeating: 0)
      for index in 0..<partSize {
        let column = part * partSize + index
        let difference = unsafe centres[column] - (column < dimension ? vector[column] : 0)
        distances += difference * difference
      }
      let least = distances.min()
      var code: UInt8 = 0
      while code < 15, distances[Int(code)] != least { code += 1 }
      unsafe codes[part] = code
      for column in part * partSize..<(part + 1) * partSize where column < dimension {
        unsafe vector[column] -= centres[column][Int(code)]
      }
    }
  }

  /// The products of a query with what codes stand for: for a key of the codes k, about `start` + `factor` Σ tables[part, k[part]].
  func tables(
    _ query: UnsafePointer<Float>, into tables: UnsafeMutableBufferPointer<UInt8>
  ) -> (factor: Float, start: Float) {
    var products = [SIMD16<Float>](repeating: .init(repeating: 0), count: parts)
    var (start, widest): (Float, Float) = (0, 0)
    for part in 0..<parts {
      for index in 0..<partSize {
        let column = part * partSize + index
        guard column < dimension else { break }
        unsafe products[part] += query[column] * centres[column]
      }
      let least = products[part].min()
      start += least
      products[part] -= least
      widest = max(widest, products[part].max())
    }
    let factor = widest > 0 && widest.isFinite ? widest / Self.largest : 1
    for part in 0..<parts {
      let entries = (products[part] / factor).rounded(.toNearestOrEven)
      for code in 0..<16 {
        unsafe tables[16 * part + code] = UInt8(max(0, min(Self.largest, entries[code])))
      }
    }
    return (factor, start)
  }
}
