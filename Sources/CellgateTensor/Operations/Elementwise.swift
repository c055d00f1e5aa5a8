import CellgateBasics
import CellgateKernels

/// Loops over many floats, cut into chunks for the thread pool. The cuts depend on the count alone.
enum Elementwise {
  /// Floats in a chunk.
  static let grain = 1 << 14
  /// Floats of a block that repeats one number.
  private static let block = 1 << 10

  /// Calls `body` for disjoint ranges that cover 0 ..< count.
  @inline(__always)
  static func chunks(_ count: Int, grain: Int = Elementwise.grain, _ body: (Range<Int>) -> Void) {
    ThreadPool.current.run(over: count, grain: grain, body)
  }

  /// The kernels' `code` of every number of x.
  static func apply(_ code: cg_code, _ x: Tensor, constant: Float = 0) -> Tensor {
    apply(code, [x], shape: x.shape, constant: constant)
  }

  /// The kernels' `code` of every pair of numbers of two tensors of one shape.
  static func apply(_ code: cg_code, _ x: Tensor, _ y: Tensor) -> Tensor {
    apply(code, [x, y], shape: x.shape)
  }

  /// The kernels' `code` of numbers of one to three tensors, each of as many numbers as `shape` or of one that is
  /// repeated.
  static func apply(_ code: cg_code, _ operands: [Tensor], shape: [Int], constant: Float = 0) -> Tensor {
    let result = Tensor.uninitialized(shape)
    let output = unsafe result.pointer
    let first = Operand(operands[0], of: result.count)
    let second = Operand(operands[min(1, operands.count - 1)], of: result.count)
    let third = Operand(operands[operands.count - 1], of: result.count)
    let repeats = first.isRepeated || second.isRepeated || third.isRepeated
    chunks(result.count) { range in
      // Numbers that are repeated are so block by block.
      let step = repeats ? block : range.count
      for start in stride(from: range.lowerBound, to: range.upperBound, by: max(step, 1)) {
        let count = min(step, range.upperBound - start)
        unsafe cg_apply(
          code, count, first.at(start), second.at(start), third.at(start), constant, output + start)
      }
    }
    withExtendedLifetime((operands, first, second, third)) {}
    return result
  }

  /// A tensor's numbers, or one of them as often as a block takes.
  @safe private struct Operand {
    private let start: UnsafePointer<Float>
    private let repeated: Storage?

    init(_ tensor: Tensor, of count: Int) {
      if tensor.count == count {
        unsafe (start, repeated) = (UnsafePointer(tensor.pointer), nil)
      } else {
        let storage = Storage(count: Elementwise.block)
        unsafe storage.pointer.initialize(repeating: tensor.pointer.pointee, count: storage.count)
        unsafe (start, repeated) = (UnsafePointer(storage.pointer), storage)
      }
    }

    var isRepeated: Bool { repeated != nil }
    func at(_ index: Int) -> UnsafePointer<Float> { unsafe repeated == nil ? start + index : start }
  }
}

extension Tensor {
  /// A copy in memory of its own, through which no gradient flows.
  public func copied() -> Tensor {
    let result = Tensor.uninitialized(shape)
    unsafe result.pointer.update(from: pointer, count: count)
    return result
  }

  /// Adds `other`, of the same shape, to the numbers themselves. Not differentiated.
  func add(inPlace other: Tensor) {
    require(shape == other.shape, "add(inPlace:): expected \(shape), found \(other.shape)")
    let (sum, term) = unsafe (pointer, other.pointer)
    Elementwise.chunks(count) { range in
      for index in range { unsafe sum[index] += term[index] }
    }
  }
}
