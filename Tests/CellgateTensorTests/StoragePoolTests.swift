import Testing

@testable import CellgateTensor

@Suite struct StoragePoolTests {
  @Test("A size class is the smallest that fits, and wastes at most a quarter and a cache line")
  func sizeClasses() {
    for bytes in Array(0...5000) + [1 << 20, (1 << 20) + 1, (5 << 20) - 1, 3 << 30] {
      let sizeClass = StoragePool.sizeClass(for: bytes)
      let size = StoragePool.size(of: sizeClass)
      #expect(size >= bytes)
      #expect(size % 64 == 0)
      #expect(sizeClass == 0 || StoragePool.size(of: sizeClass - 1) < bytes)
      #expect(size <= max(256, bytes + bytes / 4 + 64))
    }
  }

  @Test("A block that was given back is the next one taken of its size")
  func reuse() {
    let pool = StoragePool()
    let first = pool.take(bytes: 1000)
    let address = unsafe UInt(bitPattern: first.address)
    pool.give(first)
    #expect(pool.retainedBytes == StoragePool.size(of: StoragePool.sizeClass(for: 1000)))
    let second = pool.take(bytes: 990)
    #expect(unsafe UInt(bitPattern: second.address) == address)
    #expect(pool.retainedBytes == 0)
    pool.give(second)
    pool.releaseAll()
    #expect(pool.retainedBytes == 0)
  }

  @Test("Blocks of ever new sizes do not pile up")
  func bounded() {
    let pool = StoragePool()
    for megabytes in 1...40 { pool.give(pool.take(bytes: megabytes << 20)) }
    #expect(pool.retainedBytes <= (40 + 64) << 20)
    pool.releaseAll()
  }

  @Test(
    "Memory that no system has ends the program with the bytes that were asked for",
    arguments: [1 << 45, 1 << 60, Int.max / 4])
  func refused(floats: Int) async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [floats] in
      _ = Storage(count: floats)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(
      text.contains("Storage: expected \(4 * floats) bytes of memory, found that the system refuses them"),
      "\(text)")
  }
}
