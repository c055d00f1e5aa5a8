import CellgateBasics

/// Float32 memory aligned to 64 bytes, taken from the pool and given back to it on release.
///
/// A class, so that tensors and views share one block. It hands out its address and checks nothing:
/// whoever writes through `pointer` keeps the storage alive, stays inside `count`, and shares no range
/// with another writer.
@safe public final class Storage: @unchecked Sendable {
  /// The first float; valid as long as this object lives.
  public let pointer: UnsafeMutablePointer<Float>
  /// Floats that may be used.
  public let count: Int

  private let block: StoragePool.Block

  /// Uninitialised memory for `count` floats.
  public init(count: Int) {
    require(count >= 0, "Storage: expected a count of 0 or more floats, found \(count)")
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    require(!overflow, "Storage: expected floats that fit in the address space, found \(count)")
    block = StoragePool.shared.take(bytes: bytes)
    unsafe pointer = block.address.assumingMemoryBound(to: Float.self)
    self.count = count
  }

  /// Memory for `count` floats, all zero.
  public convenience init(zeros count: Int) {
    self.init(count: count)
    unsafe pointer.initialize(repeating: 0, count: count)
  }

  deinit {
    StoragePool.shared.give(block)
  }

  /// Gives the memory that the pool keeps for reuse back to the system.
  public static func releaseRetainedMemory() {
    StoragePool.shared.releaseAll()
  }

  /// Bytes that the pool keeps for reuse at present.
  public static var retainedBytes: Int { StoragePool.shared.retainedBytes }
}
