import CellgateTensor
import Testing

@Suite struct StorageTests {
  @Test(
    "Memory is aligned to 64 bytes, and holds what is written", arguments: [0, 1, 15, 17, 1000, 2_000_000])
  func alignment(count: Int) {
    let storage = Storage(count: count)
    #expect(unsafe UInt(bitPattern: storage.pointer) % 64 == 0)
    #expect(storage.count == count)
    for index in 0..<count { unsafe storage.pointer[index] = Float(index) }
    if count > 0 { #expect(unsafe storage.pointer[count - 1] == Float(count - 1)) }
  }

  @Test("Zeroed memory is zero also where a block is reused")
  func zeros() {
    for _ in 0..<3 {
      let dirty = Storage(count: 777)
      for index in 0..<777 { unsafe dirty.pointer[index] = 1 }
      _ = consume dirty
      let clean = Storage(zeros: 777)
      for index in 0..<777 { #expect(unsafe clean.pointer[index] == 0) }
    }
  }
}
