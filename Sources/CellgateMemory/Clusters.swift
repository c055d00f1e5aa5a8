import CellgateBasics
import CellgateTensor

/// Centres of points by Lloyd's algorithm: each point belongs to the centre that is nearest, and each centre is the mean of its points.
///
/// The same points and seed give the same centres on any number of threads.
struct Clusters {
  /// The centres `[C, D]`.
  private(set) var centres: Tensor
  /// C.
  var count: Int { centres.shape[0] }

  /// Those centres.
  init(_ centres: Tensor) { self.centres = centres }

  /// Learns C centres, at most as many as there are points `[N, D]`. One without points takes half of those of the largest one.
  init(fitting points: Tensor, count wanted: Int, iterations: Int, stream: inout RandomStream) {
    let (size, dimension) = (points.shape[0], points.shape[1])
    let count = min(wanted, size)
    let numbers = points.scalars
    // The first points of a shuffle.
    var order = Array(0..<size)
    for place in 0..<count {
      order.swapAt(place, place + Int(stream.nextLong() % UInt64(size - place)))
    }
    centres = Tensor(
      order[..<count].flatMap { numbers[$0 * dimension..<($0 + 1) * dimension] }, shape: [count, dimension])
    for _ in 0..<iterations {
      let nearest = nearest(points)
      var sums = [Double](repeating: 0, count: count * dimension)
      var counts = [Int](repeating: 0, count: count)
      for (point, centre) in nearest.enumerated() {
        counts[Int(centre)] += 1
        let (from, to) = (point * dimension, Int(centre) * dimension)
        for index in 0..<dimension { sums[to + index] += Double(numbers[from + index]) }
      }
      var means = centres.scalars
      for centre in 0..<count where counts[centre] > 0 {
        for index in 0..<dimension {
          means[centre * dimension + index] = Float(
            sums[centre * dimension + index] / Double(counts[centre]))
        }
      }
      for centre in 0..<count where counts[centre] == 0 {
        guard let largest = counts.indices.max(by: { counts[$0] < counts[$1] }), counts[largest] > 1 else {
          break
        }
        for index in 0..<dimension {
          let mean = means[largest * dimension + index], step = (mean.magnitude + 1e-6) / 1024
          means[centre * dimension + index] = mean + step
          means[largest * dimension + index] = mean - step
        }
        counts[centre] = counts[largest] / 2
        counts[largest] -= counts[centre]
      }
      centres = Tensor(means, shape: [count, dimension])
    }
  }

  private static let pointsOfTask = 1024

  /// The nearest centre of each point; of equally near ones the first.
  func nearest(_ points: Tensor) -> [Int32] {
    let (size, dimension) = (points.shape[0], points.shape[1])
    let width = TopKeys.padded(count)
    let product = PackedLinear(weight: Self.widened(centres, to: width))
    // Half of the squared lengths; of the rows that fill the width as far as can be.
    let squares = (centres * centres).sum(axis: 1).scalars
    let less = (0..<width).map { $0 < count ? squares[$0] / 2 : Float.infinity }
    let tasks = (size + Self.pointsOfTask - 1) / Self.pointsOfTask
    let found = SharedParts<[Int32]>(count: tasks)
    ThreadPool.current.run(tasks) { task in
      let numbers = unsafe UnsafePointer(points.pointer)
      let rows = task * Self.pointsOfTask..<min(size, (task + 1) * Self.pointsOfTask)
      let scratch = KeyScratch(rows: Self.rowsAtOnce, dimension: dimension, width: width)
      var own: [Int32] = []
      own.reserveCapacity(rows.count)
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.rowsAtOnce) {
        let count = min(Self.rowsAtOnce, rows.upperBound - first)
        unsafe product.map(numbers + first * dimension, rows: count, to: scratch.products)
        for row in 0..<count {
          unsafe own.append(Self.largest(scratch.products + row * width, less: less))
        }
      }
      found.set(task, own)
    }
    return found.all.flatMap(\.self)
  }

  private static let rowsAtOnce = 64

  /// The place of the largest score less what is taken off it, of equal ones the first.
  private static func largest(_ scores: UnsafePointer<Float>, less: [Float]) -> Int32 {
    var best = SIMD16<Float>(repeating: -.infinity), places = SIMD16<Int32>(repeating: 0)
    var place = SIMD16<Int32>((0..<16).map { Int32($0) })
    for group in 0..<less.count / 16 {
      let own = unsafe UnsafeRawPointer(scores + 16 * group).loadUnaligned(as: SIMD16<Float>.self)
      let off = unsafe less.withUnsafeBytes {
        unsafe $0.loadUnaligned(fromByteOffset: 64 * group, as: SIMD16<Float>.self)
      }
      let score = own - off
      let isBetter = score .> best
      best.replace(with: score, where: isBetter)
      places.replace(with: place, where: isBetter)
      place &+= 16
    }
    var (result, value) = (places[0], best[0])
    for lane in 1..<16 where best[lane] > value || best[lane] == value && places[lane] < result {
      (result, value) = (places[lane], best[lane])
    }
    return result
  }

  /// Rows with zeros after them.
  static func widened(_ rows: Tensor, to count: Int) -> Tensor {
    rows.shape[0] == count
      ? rows : concatenated([rows, .zeros([count - rows.shape[0], rows.shape[1]])], axis: 0)
  }
}
