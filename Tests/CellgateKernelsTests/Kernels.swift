import CellgateKernels
import CellgateTensor
import Foundation
import Testing

/// The kernels of one instruction set, on Swift's arrays.
///
/// Every operand ends where a page begins that may not be touched: a read or write past it ends the process.
@safe struct Kernels: Sendable, CustomTestStringConvertible {
  nonisolated(unsafe) let isa: OpaquePointer
  /// Numbers in a unit of an operand of products, and units before those of a row.
  var perWord = 1, rowHead = 0

  static var all: [Kernels] {
    (0..<cg_isa_count()).compactMap { index in
      unsafe cg_isa_at(index).map { unsafe Kernels(isa: $0) }
    }
  }
  static var active: Kernels { unsafe Kernels(isa: cg_isa_active()) }
  /// Those whose products take bfloat16 numbers.
  static var bfloat16: [Kernels] {
    all.compactMap { kernels in
      unsafe cg_isa_bfloat16(kernels.isa).map { unsafe Kernels(isa: $0, perWord: 2) }
    }
  }

  /// Those whose products take signed bytes.
  static var int8: [Kernels] {
    all.compactMap { kernels in
      unsafe cg_isa_int8(kernels.isa).map { unsafe Kernels(isa: $0, perWord: 4, rowHead: 1) }
    }
  }

  var name: String { unsafe String(cString: cg_isa_name(isa)) }
  var testDescription: String { name }

  // MARK: Products

  /// One term: a [m, k] with rows `lda` apart, times b [k, n].
  struct Term {
    var a: [Float]
    var lda: Int
    var k: Int
    var b: [Float]
  }

  /// Units that a row of `count` numbers takes.
  func words(_ count: Int) -> Int { rowHead + (count + perWord - 1) / perWord }

  /// The words of source [rows, k], a left operand of products, `ldWords` apart; what lies between them is 7.
  func convert(_ source: [Float], rows: Int, k: Int, ld: Int, ldWords: Int) -> [Float] {
    let from = Guarded(source)
    let to = Guarded([Float](repeating: 7, count: rows == 0 ? 0 : (rows - 1) * ldWords + words(k)))
    unsafe cg_convert_with(isa, rows, k, from.start, ld, to.start, ldWords)
    withExtendedLifetime(from) {}
    return to.values
  }

  /// The words of source [rows, n], an operand of sums of outer products, `ldWords` apart.
  func interleave(_ source: [Float], rows: Int, n: Int, ld: Int, ldWords: Int) -> [Float] {
    let from = Guarded(source)
    let count = words(rows)
    let to = Guarded([Float](repeating: 7, count: count == 0 ? 0 : (count - 1) * ldWords + n))
    unsafe cg_interleave_with(isa, rows, n, from.start, ld, to.start, ldWords)
    withExtendedLifetime(from) {}
    return to.values
  }

  /// b [k, n] packed for products of `width` columns; `transposed` when it is given as [n, k].
  func pack(_ b: [Float], k: Int, n: Int, width: Int, transposed: Bool = false) -> Guarded {
    let source = Guarded(b)
    let packed = Guarded(
      [Float](repeating: .nan, count: unsafe cg_packed_count_with(isa, k, width)), alignment: 64)
    unsafe cg_pack_with(
      isa, k, n, width, source.start, transposed ? 1 : n, transposed ? k : 1, packed.start)
    return packed
  }

  /// c [m, n], rows `ldc` apart, after the product; `c` is what it holds before.
  func product(
    m: Int, n: Int, _ terms: [Term], start: cg_start = CG_START_ZERO, bias: [Float] = [], c: [Float], ldc: Int
  ) -> [Float] {
    let ldWords = terms.map { max($0.lda, words($0.k)) }
    let left = zip(terms, ldWords).map {
      Guarded(perWord == 1 ? $0.a : convert($0.a, rows: m, k: $0.k, ld: $0.lda, ldWords: $1))
    }
    let right = terms.map { pack($0.b, k: $0.k, n: n, width: n) }
    let sums = unsafe terms.indices.map { index in
      unsafe cg_term(
        a: left[index].start, lda: ldWords[index], k: terms[index].k, packed: right[index].start)
    }
    let (result, bias) = (Guarded(c), Guarded(bias))
    unsafe cg_product_with(isa, m, n, sums, sums.count, start, bias.start, result.start, ldc)
    withExtendedLifetime((left, right)) {}
    return result.values
  }

  /// c [m, n] += Σ a[r]ᵀ b[r] over `rows`.
  func outer(
    rows: Int, m: Int, n: Int, a: [Float], lda: Int, b: [Float], ldb: Int, c: [Float], ldc: Int
  ) -> [Float] {
    // A single row that stands for all is a row of pairs of the same numbers.
    let left = Guarded(
      perWord == 1
        ? a
        : lda == 0
          ? interleave(a + a, rows: perWord, n: m, ld: m, ldWords: m)
          : interleave(a, rows: rows, n: m, ld: lda, ldWords: lda))
    let right = Guarded(perWord == 1 ? b : interleave(b, rows: rows, n: n, ld: ldb, ldWords: ldb))
    let result = Guarded(c)
    unsafe cg_outer_with(isa, rows, m, n, left.start, lda, right.start, ldb, result.start, ldc)
    return result.values
  }

  // MARK: Elementwise programs

  /// The slots after `operations` ran over all of their numbers, of which each slot holds as many.
  func operate(_ operations: [cg_operation], slots: [[Float]]) -> [[Float]] {
    let count = slots[0].count
    let width = (count + 15) / 16 * 16
    let padded = slots.map { Guarded($0 + [Float](repeating: 0, count: width - count)) }
    sweep(
      stages: [cg_stage(kind: CG_ELEMENTWISE.rawValue, waits: 0, first: 0, count: UInt32(operations.count))],
      operations: operations,
      slots: padded.map { Slot($0) }, rows: [1], width: width, tileRows: 1, tileColumns: width)
    return padded.map { Array($0.values.prefix(count)) }
  }

  /// One function of every number.
  func map(_ code: cg_code, _ x: [Float]) -> [Float] {
    operate([operation(code, result: 1, a: 0)], slots: [x, x])[1]
  }

  // MARK: Sweeps

  struct Slot {
    var memory: Guarded
    var offsets: [Int]?
    var layout: cg_layout
    /// 1 + the step at which products leave it out; 0 for none.
    var skipped: UInt32 = 0

    init(_ memory: Guarded, offsets: [Int]? = nil, layout: cg_layout = CG_ROWS) {
      (self.memory, self.offsets, self.layout) = (memory, offsets, layout)
    }
  }

  /// One product of a step; its weights are packed.
  struct Product {
    var result: Int
    var factors: [(slot: Int, k: Int, ld: Int, packed: Guarded)]
    var start: cg_start
    var bias: Guarded?
    /// All columns where it is nil.
    var columns: Int?
  }

  func sweep(
    stages: [cg_stage], operations: [cg_operation], products: [Product] = [],
    conversions: [cg_conversion] = [], reductions: [cg_reduction] = [], slots: [Slot], rows: [Int],
    width: Int, tileRows: Int,
    tileColumns: Int,
    backward: Bool = false, members: Int = 1
  ) {
    var factors: [cg_factor] = unsafe []
    var steps: [cg_step_product] = unsafe []
    for product in products {
      let first = unsafe factors.count
      for factor in product.factors {
        unsafe factors.append(
          cg_factor(
            slot: UInt32(factor.slot), k: UInt32(factor.k), ld: factor.ld, packed: factor.packed.start))
      }
      unsafe steps.append(
        cg_step_product(
          result: UInt32(product.result), first_factor: UInt32(first),
          factor_count: UInt32(product.factors.count), start: UInt32(product.start.rawValue),
          columns: product.columns ?? width, ld: width, bias: product.bias?.start))
    }
    let offsets = unsafe slots.map { slot in
      unsafe slot.offsets.map { values in
        let memory = UnsafeMutablePointer<Int>.allocate(capacity: values.count)
        unsafe memory.initialize(from: values, count: values.count)
        return unsafe memory
      }
    }
    let places = unsafe slots.indices.map { index in
      unsafe cg_location(
        base: slots[index].memory.start, offset: offsets[index], layout: slots[index].layout.rawValue,
        skipped: slots[index].skipped)
    }
    let most = products.map(\.factors.count).max() ?? 0
    let conversionList = UnsafeMutableBufferPointer<cg_conversion>.allocate(capacity: conversions.count)
    _ = unsafe conversionList.initialize(from: conversions)
    defer { unsafe conversionList.deallocate() }
    let reductionList = UnsafeMutableBufferPointer<cg_reduction>.allocate(capacity: reductions.count)
    _ = unsafe reductionList.initialize(from: reductions)
    defer { unsafe reductionList.deallocate() }
    unsafe stages.withUnsafeBufferPointer { stages in
      unsafe operations.withUnsafeBufferPointer { operations in
        unsafe steps.withUnsafeBufferPointer { steps in
          unsafe factors.withUnsafeBufferPointer { factors in
            let program = unsafe cg_program(
              stages: stages.baseAddress, stage_count: stages.count, products: steps.baseAddress,
              factors: factors.baseAddress, most_factors: most, operations: operations.baseAddress,
              conversions: conversionList.baseAddress, reductions: reductionList.baseAddress,
              slot_count: slots.count, width: width,
              tile_rows: tileRows, tile_columns: tileColumns)
            let active = rows.map(UInt32.init)
            nonisolated(unsafe) let places = unsafe places
            nonisolated(unsafe) let isa = unsafe isa
            nonisolated(unsafe) let shared = unsafe program
            ThreadPool.shared.run(1, mostMembers: members) { _, member in
              var program = unsafe shared
              // A tile that is large enough for all members is scratch, each member's own.
              var places = unsafe places
              for index in slots.indices where slots[index].memory.count == members * tileRows * tileColumns {
                if slots[index].layout == CG_TILE {
                  unsafe places[index].base += member.index * tileRows * tileColumns
                }
              }
              let columns = member.share(of: width, block: Int(CG_SHARE_COLUMNS))
              var share = unsafe cg_share(
                barrier: member.barrierPointer, first_column: columns.lowerBound, columns: columns.count)
              var scratch = unsafe [UnsafeMutablePointer<Float>?](repeating: nil, count: 3 * places.count)
              var terms = unsafe [cg_term](repeating: cg_term(), count: max(1, most))
              unsafe cg_sweep(
                isa, &program, places, active, backward ? active.count - 1 : 0, active.count,
                backward ? 1 : 0, &scratch, &terms, &share)
            }
          }
        }
      }
    }
    unsafe offsets.forEach { unsafe $0?.deallocate() }
    withExtendedLifetime((slots, products)) {}
  }
}

/// An operation on slots.
func operation(
  _ code: cg_code, result: Int, a: Int = 0, b: Int = 0, c: Int = 0, constant: Float = 0
) -> cg_operation {
  cg_operation(
    code: UInt16(code.rawValue), result: UInt16(result), a: UInt16(a), b: UInt16(b), c: UInt16(c),
    constant: constant)
}

/// Floats whose end is the end of the process's memory there.
@safe final class Guarded {
  let count: Int
  let start: UnsafeMutablePointer<Float>
  private let mapping: UnsafeMutableRawPointer
  private let length: Int

  /// A copy of `values`; with an alignment above a float's the end may come up to that much later.
  init(_ values: [Float], alignment: Int = 4) {
    let page = Int(getpagesize())
    let bytes = (values.count * 4 + alignment - 1) / alignment * alignment
    let readable = (bytes + page - 1) / page * page
    count = values.count
    length = readable + page
    let memory = unsafe mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
    guard let memory = unsafe memory, unsafe memory != UnsafeMutableRawPointer(bitPattern: -1),
      unsafe mprotect(memory + readable, page, PROT_NONE) == 0
    else { preconditionFailure("no memory for \(values.count) numbers") }
    unsafe mapping = memory
    unsafe start = (memory + readable - bytes).bindMemory(to: Float.self, capacity: values.count)
    for (index, value) in values.enumerated() { unsafe start[index] = value }
  }

  deinit { unsafe munmap(mapping, length) }

  var values: [Float] { (0..<count).map { unsafe start[$0] } }
}

/// Reproducible numbers: Steele's SplitMix64.
struct Numbers {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// `count` floats in −1 ..< 1.
  mutating func floats(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float(next() >> 40) * 0x1p-23 - 1 }
  }

  /// `count` whole numbers in −8 ... 8: sums of a few hundred of their products are exact in any order.
  mutating func integers(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float(next() % 17) - 8 }
  }
}

/// The same numbers, bit by bit but for what a NaN carries.
func same(_ a: [Float], _ b: [Float]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { same($0, $1) }
}

func same(_ a: Float, _ b: Float) -> Bool { a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN) }
