import CellgateTensor

extension Initializer {
  /// `gain` times an orthogonal matrix, of each of `blocks` matrices stacked by rows (Saxe et al. 2014,
  /// https://arxiv.org/abs/1312.6120): the rows are orthonormal, or the columns where there are more rows.
  public static func orthogonal(gain: Float = 1, blocks: Int = 1) -> Initializer {
    Initializer { shape, stream in
      let (rows, columns) = blockShape(shape, blocks: blocks)
      let result = Tensor.uninitialized(shape)
      for block in 0..<blocks {
        let (count, length) = (min(rows, columns), max(rows, columns))
        let vectors = orthonormal(count, length, &stream)
        let target = unsafe result.pointer + block * rows * columns
        for row in 0..<rows {
          for column in 0..<columns {
            let entry = rows <= columns ? row * length + column : column * length + row
            unsafe target[row * columns + column] = gain * Float(vectors[entry])
          }
        }
      }
      return result
    }
  }

  /// `count` orthonormal vectors of `length` ≥ count, row by row: normal numbers through the modified
  /// Gram-Schmidt process, twice, which leaves rounding errors only (Giraud et al. 2005).
  private static func orthonormal(_ count: Int, _ length: Int, _ stream: inout RandomStream) -> [Double] {
    var vectors = (0..<count * length).map { _ in Double(stream.normal()) }
    unsafe vectors.withUnsafeMutableBufferPointer { buffer in
      guard let first = buffer.baseAddress else { return }
      for _ in 0..<2 {
        for index in 0..<count {
          let unit = unsafe first + index * length
          let scale = unsafe 1 / dot(unit, unit, length).squareRoot()
          for position in 0..<length { unsafe unit[position] *= scale }
          ThreadPool.current.run(over: count - index - 1, grain: max(1, (1 << 14) / length)) { range in
            for later in range {
              let vector = unsafe first + (index + 1 + later) * length
              let share = unsafe dot(unit, vector, length)
              for position in 0..<length { unsafe vector[position] -= share * unit[position] }
            }
          }
        }
      }
    }
    return vectors
  }

  private static func dot(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ count: Int) -> Double {
    var sums = SIMD8<Double>.zero
    var position = 0
    while position + 8 <= count {
      let left = unsafe UnsafeRawPointer(a + position).loadUnaligned(as: SIMD8<Double>.self)
      let right = unsafe UnsafeRawPointer(b + position).loadUnaligned(as: SIMD8<Double>.self)
      sums += left * right
      position += 8
    }
    var sum = sums.sum()
    while position < count {
      unsafe sum += a[position] * b[position]
      position += 1
    }
    return sum
  }
}
