import CellgateBasics
import CellgateTensor

/// First values of a parameter: a pure function of its shape and a random stream.
public struct Initializer: Sendable {
  private let make: @Sendable (_ shape: [Int], _ stream: inout RandomStream) -> Tensor

  /// Whether first values are drawn. Those that a file's numbers take the place of at once are zeros instead: an orthogonal
  /// matrix of 1,024 rows takes a second.
  @TaskLocal private static var draws = true

  /// The result of `body`, in which all first values are zeros.
  package static func withoutDrawing<Result, Failure>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let result = $draws.withValue(false) { () -> Swift.Result<Result, Failure> in
      do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// An initialiser by a function that draws from the stream.
  public init(_ make: @escaping @Sendable (_ shape: [Int], _ stream: inout RandomStream) -> Tensor) {
    self.make = make
  }

  /// The first values of a parameter of `shape`.
  public func callAsFunction(_ shape: [Int], stream: RandomStream) -> Tensor {
    guard Self.draws else { return .zeros(shape) }
    var stream = stream
    return make(shape, &stream)
  }

  /// Zero everywhere.
  public static let zeros = Initializer { shape, _ in .zeros(shape) }

  /// One value everywhere.
  public static func constant(_ value: Float) -> Initializer {
    Initializer { shape, _ in .full(shape, value) }
  }

  /// Uniform in −bound ..< bound.
  public static func uniform(bound: Float) -> Initializer {
    require(bound >= 0, "Initializer.uniform: expected a bound of 0 or more, found \(bound)")
    return Initializer { shape, stream in
      bound == 0 ? .zeros(shape) : stream.uniform(shape, in: -bound..<bound)
    }
  }

  /// Normal with mean 0.
  public static func normal(standardDeviation: Float) -> Initializer {
    Initializer { shape, stream in stream.normal(shape, standardDeviation: standardDeviation) }
  }

  /// Uniform in ±gain · √(6 / (K + N)) for each of `blocks` matrices [N, K] that are stacked by rows (Glorot
  /// and Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html).
  public static func xavierUniform(gain: Float = 1, blocks: Int = 1) -> Initializer {
    Initializer { shape, stream in
      let (rows, columns) = blockShape(shape, blocks: blocks)
      let bound = gain * (6 / Float(rows + columns)).squareRoot()
      return stream.uniform(shape, in: -bound..<bound)
    }
  }

  /// ln u, u uniform in 1 ..< maximumSteps − 1: the forget gate's bias for memories of up to that many
  /// steps; the input gate takes its negative (Tallec and Ollivier 2018, https://arxiv.org/abs/1804.11188).
  public static func chrono(maximumSteps: Int) -> Initializer {
    require(maximumSteps > 2, "Initializer.chrono: expected more than 2 steps, found \(maximumSteps)")
    return Initializer { shape, stream in
      let steps = stream.uniform(shape, in: 1..<Float(maximumSteps - 1))
      return Tensor(steps.scalars.map { Float(log(Double($0))) }, shape: shape)
    }
  }

  /// The [N, K] of each of `blocks` matrices stacked by rows in `shape`.
  static func blockShape(_ shape: [Int], blocks: Int) -> (rows: Int, columns: Int) {
    require(
      shape.count == 2 && blocks > 0 && shape[0] % blocks == 0,
      "Initializer: expected the shape of \(blocks) matrices stacked by rows, found \(shape)")
    return (shape[0] / blocks, shape[1])
  }
}
