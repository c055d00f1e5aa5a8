import CellgateBasics
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Free blocks of memory by size class, so that the same allocations of every training step reuse the
/// same pages.
///
/// What is kept and what is in use together stay below the most that was ever in use at once plus
/// `slack`; beyond it the classes that were used longest ago go back to the system first.
final class StoragePool: Sendable {
  static let shared = StoragePool()

  /// A block of memory of one size class.
  struct Block: Sendable {
    fileprivate let bits: UInt
    fileprivate let sizeClass: Int

    var address: UnsafeMutableRawPointer {
      guard let address = unsafe UnsafeMutableRawPointer(bitPattern: bits) else {
        fail("StoragePool: expected a block with an address, found none")
      }
      return unsafe address
    }
  }

  private struct Shelf {
    var free: [UInt] = []
    var lastUse = 0
  }

  private struct State {
    var shelves: [Shelf] = []
    var clock = 0
    var bytesInUse = 0
    var mostBytesInUse = 0
    var bytesRetained = 0
  }

  private static let slack = 64 << 20
  /// More than any system has; no size class above it can be counted.
  private static let mostBytes = 1 << 60
  private static let hugePage = 2 << 20
  private static let hugeThreshold = 4 << 20
  private static let adviceHugePage: Int32 = 14  // MADV_HUGEPAGE of Linux

  private let state = Mutex(State())

  /// Bytes kept for reuse.
  var retainedBytes: Int { state.withLock { $0.bytesRetained } }

  /// A block of at least `bytes` bytes, aligned to 64 (2 MiB from 4 MiB on).
  func take(bytes: Int) -> Block {
    guard bytes <= Self.mostBytes else { MemoryRefusal.end(bytes) }
    let sizeClass = Self.sizeClass(for: bytes)
    let size = Self.size(of: sizeClass)
    let reused: UInt? = state.withLock { state in
      while state.shelves.count <= sizeClass { state.shelves.append(Shelf()) }
      state.clock += 1
      state.shelves[sizeClass].lastUse = state.clock
      state.bytesInUse += size
      state.mostBytesInUse = max(state.mostBytesInUse, state.bytesInUse)
      guard let bits = state.shelves[sizeClass].free.popLast() else { return nil }
      state.bytesRetained -= size
      return bits
    }
    if let bits = reused ?? Self.allocate(size) { return Block(bits: bits, sizeClass: sizeClass) }
    // What is kept for reuse may be what is missing.
    releaseAll()
    guard let bits = Self.allocate(size) else { MemoryRefusal.end(size) }
    return Block(bits: bits, sizeClass: sizeClass)
  }

  /// Takes a block back.
  func give(_ block: Block) {
    let size = Self.size(of: block.sizeClass)
    let surplus: [UInt] = state.withLock { state in
      state.bytesInUse -= size
      state.bytesRetained += size
      state.shelves[block.sizeClass].free.append(block.bits)
      var surplus: [UInt] = []
      while state.bytesInUse + state.bytesRetained > state.mostBytesInUse + Self.slack {
        guard let oldest = Self.oldestShelf(state), let bits = state.shelves[oldest].free.popLast()
        else { break }
        state.bytesRetained -= Self.size(of: oldest)
        surplus.append(bits)
      }
      return surplus
    }
    Self.release(surplus)
  }

  /// Gives everything that is kept back to the system.
  func releaseAll() {
    let all: [UInt] = state.withLock { state in
      let all = state.shelves.flatMap(\.free)
      for index in state.shelves.indices { state.shelves[index].free = [] }
      state.bytesRetained = 0
      state.mostBytesInUse = state.bytesInUse
      return all
    }
    Self.release(all)
  }

  private static func oldestShelf(_ state: State) -> Int? {
    state.shelves.indices.filter { !state.shelves[$0].free.isEmpty }
      .min { state.shelves[$0].lastUse < state.shelves[$1].lastUse }
  }

  // MARK: Size classes: 64 bytes × (4, 5, 6, 7) / 4 × 2ⁿ, at most a quarter too large

  static func sizeClass(for bytes: Int) -> Int {
    let units = max(4, (max(bytes, 1) + 63) / 64)
    let power = Int.bitWidth - 1 - units.leadingZeroBitCount
    let step = 1 << (power - 2)
    let quarter = (units - (1 << power) + step - 1) / step
    return (power - 2) * 4 + quarter
  }

  static func size(of sizeClass: Int) -> Int {
    let (power, quarter) = sizeClass.quotientAndRemainder(dividingBy: 4)
    return 64 * (4 + quarter) << power
  }

  // MARK: The system

  /// The address of new memory; nil when the system refuses it.
  private static func allocate(_ size: Int) -> UInt? {
    let huge = size >= hugeThreshold
    var address: UnsafeMutableRawPointer?
    let status = unsafe posix_memalign(&address, huge ? hugePage : 64, size)
    guard status == 0, let address = unsafe address else { return nil }
    #if os(Linux)
      if huge { unsafe _ = madvise(address, size, adviceHugePage) }
    #endif
    return UInt(bitPattern: address)
  }

  private static func release(_ blocks: [UInt]) {
    for bits in blocks { unsafe free(UnsafeMutableRawPointer(bitPattern: bits)) }
  }
}
