import CellgateBasics
import CellgateFiles
import CellgateKernels
import CellgateTensor

extension InvertedLists {
  /// Queries whose lists are chosen at once.
  private static let queriesAtOnce = 64
  /// Candidates for each key that is wanted.
  public static let usualCandidates = 16

  /// The best `count` keys for each of queries `[Q, D]` that are found in the `probes` best lists, the best one first, fewer where there
  /// are fewer. `candidates` for each key that is wanted are compared by their own numbers.
  public func search(
    _ queries: Tensor, count wanted: Int, probes: Int, candidates: Int = usualCandidates
  ) -> [[VectorIndex.Match]] {
    require(
      queries.rank == 2 && queries.shape[1] == index.dimension && wanted > 0 && probes > 0 && candidates > 0,
      "InvertedLists: expected queries [Q, \(index.dimension)], 1 or more matches, probes and candidates, found \(queries.shape), "
        + "\(wanted), \(probes), \(candidates)")
    let later = index.count > count ? index.search(queries, count: wanted, from: count) : []
    let most = min(wanted * candidates, count)
    var result: [[VectorIndex.Match]] = []
    for first in stride(from: 0, to: queries.shape[0], by: Self.queriesAtOnce) {
      let group = queries.sliced(first..<min(first + Self.queriesAtOnce, queries.shape[0]), axis: 0)
      let tops = most > 0 ? best(group, count: most, probes: min(probes, lists)) : []
      let found = SharedParts<[VectorIndex.Match]>(count: group.shape[0])
      ThreadPool.current.run(group.shape[0]) { row in
        let query = unsafe UnsafePointer(group.pointer + row * index.dimension)
        var own = unsafe tops.isEmpty ? [] : compared(tops[row].sorted.map(\.place), query)
        if !later.isEmpty { own += later[first + row] }
        own.sort { ($1.score, $0.place) < ($0.score, $1.place) }
        found.set(row, Array(own.prefix(wanted)))
      }
      result += found.all
    }
    return result
  }

  /// A query that looks at a list, and its product with the list's centre.
  private struct Visit {
    let query: Int, list: Int
    let product: Float
    /// Whether the list is one of those that fit best.
    let isFirst: Bool
  }

  /// Lists of a query that are looked at first: most of the best keys are there, so that few of the others are kept even for a while.
  private static let firstProbes = 8

  /// The best keys of each query by their codes.
  private func best(_ queries: Tensor, count most: Int, probes: Int) -> [TopKeys] {
    let rows = queries.shape[0], size = 16 * quantizer.parts
    let all = chosen(queries, probes: probes)
    var tables = [UInt8](repeating: 0, count: rows * size)
    var scales: [(factor: Float, start: Float)] = []
    for row in 0..<rows {
      let own = unsafe tables.withUnsafeMutableBufferPointer { all in
        unsafe quantizer.tables(
          queries.pointer + row * index.dimension,
          into: UnsafeMutableBufferPointer(rebasing: all[row * size..<(row + 1) * size]))
      }
      scales.append(own)
    }
    var tops = [TopKeys](repeating: TopKeys(count: most), count: rows)
    for isFirst in [true, false] {
      let visits = byList(all, isFirst: isFirst)
      let floors = tops.map(\.threshold)
      for part in parts(of: visits, tables, scales, floors.map { TopKeys(count: most, floor: $0) }) {
        for row in 0..<rows { tops[row].merge(part[row]) }
      }
    }
    return tops
  }

  /// Some visits, those of a list together.
  private func byList(_ all: [[Visit]], isFirst: Bool) -> [ArraySlice<Visit>] {
    var ends = [Int](repeating: 0, count: lists + 1)
    for visits in all {
      for visit in visits where visit.isFirst == isFirst { ends[visit.list + 1] += 1 }
    }
    for list in 0..<lists { ends[list + 1] += ends[list] }
    let starts = ends
    guard let one = all.first?.first, starts[lists] > 0 else { return [] }
    var sorted = [Visit](repeating: one, count: starts[lists])
    for visits in all {
      for visit in visits where visit.isFirst == isFirst {
        sorted[ends[visit.list]] = visit
        ends[visit.list] += 1
      }
    }
    return (0..<lists).compactMap { list in
      starts[list] == starts[list + 1] ? nil : sorted[starts[list]..<starts[list + 1]]
    }
  }

  /// What each task finds for each query beside what `start` says. All queries of a list are answered together, while its codes are at
  /// hand; tasks share out the lists.
  private func parts(
    of visited: [ArraySlice<Visit>], _ tables: [UInt8], _ scales: [(factor: Float, start: Float)],
    _ start: [TopKeys]
  ) -> [[TopKeys]] {
    guard !visited.isEmpty else { return [] }
    let tasks = min(ThreadPool.current.threads, visited.count)
    let found = SharedParts<[TopKeys]>(count: tasks)
    ThreadPool.current.run(tasks) { task in
      var tops = start
      // Lists in turn, so that long ones are shared out too.
      let own = stride(from: task, to: visited.count, by: tasks).map { visited[$0] }
      let longest = own.compactMap(\.first).map { blocks[$0.list + 1] - blocks[$0.list] }.max() ?? 0
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, longest * Self.keysOfBlock)) {
        guard let scores = $0.baseAddress else { return }
        for visits in own { unsafe scan(visits, tables, scales, scores, &tops) }
      }
      found.set(task, tops)
    }
    return found.all
  }

  /// The lists whose centres fit each query best, in their order, with their products, and of these those that are looked at first.
  private func chosen(_ queries: Tensor, probes: Int) -> [[Visit]] {
    let found = SharedParts<[Visit]>(count: queries.shape[0])
    let all = packed(queries)
    ThreadPool.current.run(queries.shape[0]) { row in
      let products = all[row].scalars
      let scores =
        index.measure == .squaredDistance
        ? products.indices.map { 2 * products[$0] - squares[$0] } : products
      let (least, first) = (scores.largest(probes), scores.largest(min(Self.firstProbes, probes)))
      // Of equally good lists the first ones.
      var ties = probes - scores.count { $0 > least }
      var visits: [Visit] = []
      visits.reserveCapacity(probes)
      for list in 0..<lists where scores[list] >= least {
        if scores[list] == least {
          if ties == 0 { continue }
          ties -= 1
        }
        visits.append(
          Visit(query: row, list: list, product: products[list], isFirst: scores[list] >= first))
      }
      found.set(row, visits)
    }
    return found.all
  }

  private static let keysOfBlock = Int(CG_KEYS_OF_BLOCK)

  /// Takes the best keys of a list by their codes, for each query that looks at it.
  private func scan(
    _ visits: ArraySlice<Visit>, _ tables: [UInt8], _ scales: [(factor: Float, start: Float)],
    _ scores: UnsafeMutablePointer<Float>, _ tops: inout [TopKeys]
  ) {
    guard let list = visits.first?.list else { return }
    let base = unsafe file.bytes.baseAddress.unsafelyUnwrapped
    let isDistance = index.measure == .squaredDistance
    let twice: Float = isDistance ? 2 : 1, parts = quantizer.parts
    let first = blocks[list], count = starts[list + 1] - starts[list]
    let own = unsafe (base + codes + first * parts * 16).assumingMemoryBound(to: UInt8.self)
    let less = unsafe (base + lengths + 4 * first * Self.keysOfBlock).assumingMemoryBound(to: Float.self)
    let keys = unsafe (base + places).assumingMemoryBound(to: Int32.self) + starts[list]
    for visit in visits {
      let scale = scales[visit.query]
      unsafe tables.withUnsafeBufferPointer { tables in
        guard let tables = tables.baseAddress else { return }
        unsafe cg_code_scores(
          blocks[list + 1] - first, parts, own, tables + visit.query * 16 * parts, twice * scale.factor,
          twice * (visit.product + scale.start), isDistance ? less : nil, scores)
      }
      var threshold = tops[visit.query].threshold
      for group in stride(from: 0, to: count, by: 16) {
        let score = unsafe UnsafeRawPointer(scores + group).loadUnaligned(as: SIMD16<Float>.self)
        guard any(score .>= threshold) else { continue }
        for place in group..<min(group + 16, count) where score[place - group] >= threshold {
          unsafe tops[visit.query].take(score[place - group], Int(keys[place]))
          threshold = tops[visit.query].threshold
        }
      }
    }
  }

  /// Keys at some places with their scores for a query.
  private func compared(_ places: [Int], _ query: UnsafePointer<Float>) -> [VectorIndex.Match] {
    let size = index.dimension
    return unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { key in
      guard let key = key.baseAddress else { return [] }
      return places.map { place in
        let block = index.block(of: place)
        unsafe block.copyKey(place - block.first, in: index.file, to: key)
        let score: Double
        if index.measure == .innerProduct {
          score = unsafe cg_dot(size, query, key)
        } else {
          for column in 0..<size { unsafe key[column] -= query[column] }
          score = unsafe -cg_dot(size, key, key)
        }
        return unsafe VectorIndex.Match(
          place: place, value: block.values(in: index.file)[place - block.first], score: Float(score))
      }
    }
  }
}

extension [Float] {
  /// The number that so many are at least as large as, `count` of them; by parts as in quicksort, of which one is gone on with.
  fileprivate func largest(_ count: Int) -> Float {
    var numbers = self, low = 0, high = numbers.count - 1, place = Swift.min(count, numbers.count) - 1
    place = Swift.max(0, place)
    while low < high {
      let pivot = numbers[(low + high) / 2]
      var (left, right) = (low, high)
      while left <= right {
        while numbers[left] > pivot { left += 1 }
        while numbers[right] < pivot { right -= 1 }
        if left <= right {
          numbers.swapAt(left, right)
          (left, right) = (left + 1, right - 1)
        }
      }
      if place <= right {
        high = right
      } else if place >= left {
        low = left
      } else {
        break
      }
    }
    return numbers.isEmpty ? -.infinity : numbers[place]
  }
}
