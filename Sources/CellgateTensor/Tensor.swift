import CellgateBasics

/// Float32 numbers in row-major order under a shape; the last dimension changes fastest.
///
/// A value: nothing changes a tensor once it is made, but a parameter's, which an optimiser updates.
/// A tensor is a window into a `Storage`, which it may share with others, and remembers how it was
/// computed when gradients have to flow through it (see `RecordedOperation`).
public struct Tensor {
  /// The sizes of the dimensions; empty for a single value.
  public let shape: [Int]
  /// How many numbers: the product of `shape`.
  public let count: Int
  /// The memory that the numbers lie in, from `offset` on.
  public let storage: Storage
  /// The place of the first number in `storage`.
  public let offset: Int
  /// Where gradients with respect to this tensor go; nil when nobody asks for them.
  var source: GradientSource?

  /// A window of `shape` into `storage`, from `offset` on.
  public init(storage: Storage, offset: Int = 0, shape: [Int]) {
    let count = Self.count(of: shape)
    require(
      offset >= 0 && offset <= storage.count && count <= storage.count - offset,
      "Tensor: expected a window of a storage of \(storage.count) numbers, found \(shape) from \(offset) on")
    self.shape = shape
    self.count = count
    self.storage = storage
    self.offset = offset
  }

  /// The numbers in `scalars`, row by row, under `shape`.
  public init(_ scalars: [Float], shape: [Int]) {
    let count = Self.count(of: shape)
    require(
      scalars.count == count,
      "Tensor: expected \(count) numbers for the shape \(shape), found \(scalars.count)")
    let storage = Storage(count: count)
    unsafe scalars.withUnsafeBufferPointer { source in
      guard let base = source.baseAddress else { return }
      unsafe storage.pointer.initialize(from: base, count: count)
    }
    self.init(storage: storage, shape: shape)
  }

  /// The numbers in `scalars` as a vector.
  public init(_ scalars: [Float]) {
    self.init(scalars, shape: [scalars.count])
  }

  /// A single number, of shape [].
  public init(_ scalar: Float) {
    self.init([scalar], shape: [])
  }

  /// A tensor whose numbers are yet to be written through `pointer`.
  public static func uninitialized(_ shape: [Int]) -> Tensor {
    Tensor(storage: Storage(count: count(of: shape)), shape: shape)
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Tensor {
    Tensor(storage: Storage(zeros: count(of: shape)), shape: shape)
  }

  /// A tensor that holds `value` everywhere.
  public static func full(_ shape: [Int], _ value: Float) -> Tensor {
    let result = uninitialized(shape)
    unsafe result.pointer.initialize(repeating: value, count: result.count)
    return result
  }

  /// The first number; valid as long as this tensor lives. To be written through only while nobody
  /// else has seen the tensor, or by the owner of a parameter.
  public var pointer: UnsafeMutablePointer<Float> {
    unsafe storage.pointer + offset
  }

  /// Calls `body` with the numbers; they may not be used after it returns.
  public func withScalars<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(storage) {} }
    return try unsafe body(UnsafeBufferPointer(start: UnsafePointer(pointer), count: count))
  }

  /// A copy of the numbers, row by row.
  public var scalars: [Float] {
    unsafe withScalars { unsafe Array($0) }
  }

  /// The only number of a tensor that holds one.
  public var item: Float {
    require(count == 1, "Tensor.item: expected a tensor of one number, found \(count) of shape \(shape)")
    return unsafe withScalars { unsafe $0[0] }
  }

  /// How many dimensions.
  public var rank: Int { shape.count }

  /// The product of `shape`, checked.
  static func count(of shape: [Int]) -> Int {
    var count = 1
    for size in shape {
      require(size >= 0, "Tensor: expected sizes of 0 or more, found \(shape)")
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      require(!overflow, "Tensor: expected a shape whose numbers can be counted, found \(shape)")
      count = product
    }
    return count
  }
}

extension Tensor: CustomStringConvertible {
  /// The shape and, of a small tensor, the numbers.
  public var description: String {
    count <= 16 ? "Tensor\(shape) \(scalars)" : "Tensor\(shape)"
  }
}
