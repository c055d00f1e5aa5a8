import CellgateBasics
import CellgateNN
import CellgateTensor

extension ProcessGroup {
  /// The settings of process 0, for all: what another has is not looked at.
  public func shared(_ settings: TrainingSettings?) throws(RunError) -> TrainingSettings? {
    let bytes = gather(rank == 0 ? settings.map { Array($0.encoded()) } ?? [] : [])[0]
    return bytes.isEmpty ? nil : try TrainingSettings(decoding: Data(bytes), file: "config.json")
  }

  /// Whether any of the processes says so.
  func any(_ flag: Bool) -> Bool { gather([flag ? 1 : 0]).contains([1]) }

  /// The message of process 0, where alone it is made.
  func message<Failure: Error>(
    _ make: () throws(Failure) -> ProcessMessage
  ) throws(Failure) -> ProcessMessage {
    let own = rank == 0 ? try make().bytes : []
    return ProcessMessage(bytes: gather(own)[0])
  }
}

/// Numbers and tensors on their way from one process to others of the same program, read in the order in which they were added.
struct ProcessMessage {
  private(set) var bytes: [UInt8] = []
  private var position = 0

  init() {}
  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }
  mutating func add(_ number: Double) { add(number.bitPattern) }
  mutating func add(_ number: Int?) {
    add(number == nil ? 0 : 1)
    add(number ?? 0)
  }
  mutating func add(_ number: Double?) {
    add(number == nil ? 0 : 1)
    add(number ?? 0)
  }
  mutating func add(_ text: String) {
    add(text.utf8.count)
    bytes += text.utf8
  }
  mutating func add(_ tensors: [Tensor]) {
    add(tensors.count)
    for tensor in tensors {
      add(tensor.rank)
      for size in tensor.shape { add(size) }
      bytes += tensor.bytes(0..<tensor.count)
    }
  }

  private mutating func add(_ word: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: word >> shift))
    }
  }

  mutating func int() -> Int { Int(Int64(bitPattern: word())) }
  mutating func double() -> Double { Double(bitPattern: word()) }
  mutating func optionalInt() -> Int? {
    let isThere = int() == 1, number = int()
    return isThere ? number : nil
  }
  mutating func optionalDouble() -> Double? {
    let isThere = int() == 1, number = double()
    return isThere ? number : nil
  }
  mutating func text() -> String {
    let count = int()
    defer { position += count }
    return String(decoding: bytes[position..<position + count], as: UTF8.self)
  }
  mutating func tensors() -> [Tensor] {
    (0..<int()).map { _ in
      let shape = (0..<int()).map { _ in int() }
      let tensor = Tensor.zeros(shape)
      tensor.assign(bytes[position..<position + 4 * tensor.count], at: 0)
      position += 4 * tensor.count
      return tensor
    }
  }

  private mutating func word() -> UInt64 {
    require(
      position + 8 <= bytes.count,
      "ProcessMessage: expected the same program on all processes, found a message of \(bytes.count) bytes")
    defer { position += 8 }
    return bytes[position..<position + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension Tensor {
  /// The bytes of some of the numbers.
  func bytes(_ range: Range<Int>) -> [UInt8] {
    unsafe withScalars { scalars in
      unsafe Array(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: scalars[range])))
    }
  }

  /// Puts numbers in the place of those from `start` on.
  func assign(_ bytes: ArraySlice<UInt8>, at start: Int) {
    require(
      start >= 0 && start + bytes.count / 4 <= count && bytes.count % 4 == 0,
      "ProcessGroup: expected numbers of 0..<\(count), found \(bytes.count) bytes from \(start) on")
    unsafe bytes.withUnsafeBytes { source in
      unsafe UnsafeMutableRawBufferPointer(start: pointer + start, count: source.count).copyMemory(
        from: source)
    }
  }

  /// Takes the numbers of another one of as many.
  func copy(_ other: Tensor) { assign(other.bytes(0..<other.count)[...], at: 0) }

  /// Adds the numbers of another one of as many.
  func accumulate(_ other: Tensor) {
    let (sum, own) = unsafe (pointer, UnsafePointer(other.pointer))
    ThreadPool.current.run(over: count) { range in
      for index in range { unsafe sum[index] += own[index] }
    }
  }

  /// Multiplies all numbers by a factor.
  func scale(by factor: Float) {
    let values = unsafe pointer
    ThreadPool.current.run(over: count) { range in
      for index in range { unsafe values[index] *= factor }
    }
  }
}
