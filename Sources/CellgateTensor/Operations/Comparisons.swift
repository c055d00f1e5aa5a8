import CellgateKernels

/// Comparisons of numbers give masks: 1 where they hold and 0 elsewhere, also where a number is NaN (but for `.!=`).
/// No gradient flows through them.
extension Tensor {
  /// 1 where a number of `left` is less than that of `right`; the shapes broadcast to one.
  public static func .< (left: Tensor, right: Tensor) -> Tensor {
    Broadcasting.apply(".<", CG_LESS, left, right)
  }

  /// 1 where a number of `left` is at most that of `right`; the shapes broadcast to one.
  public static func .<= (left: Tensor, right: Tensor) -> Tensor {
    Broadcasting.apply(".<=", CG_LESS_EQUAL, left, right)
  }

  /// 1 where a number of `left` is greater than that of `right`; the shapes broadcast to one.
  public static func .> (left: Tensor, right: Tensor) -> Tensor { right .< left }

  /// 1 where a number of `left` is at least that of `right`; the shapes broadcast to one.
  public static func .>= (left: Tensor, right: Tensor) -> Tensor { right .<= left }

  /// 1 where both numbers are equal; the shapes broadcast to one.
  public static func .== (left: Tensor, right: Tensor) -> Tensor {
    Broadcasting.apply(".==", CG_EQUAL, left, right)
  }

  /// 1 where the numbers differ; the shapes broadcast to one.
  public static func .!= (left: Tensor, right: Tensor) -> Tensor {
    Broadcasting.apply(".!=", CG_NOT_EQUAL, left, right)
  }

  // MARK: With a number

  /// 1 where a number is less than `scalar`.
  public static func .< (left: Tensor, scalar: Float) -> Tensor { left .< Tensor(scalar) }

  /// 1 where a number is at most `scalar`.
  public static func .<= (left: Tensor, scalar: Float) -> Tensor { left .<= Tensor(scalar) }

  /// 1 where a number is greater than `scalar`.
  public static func .> (left: Tensor, scalar: Float) -> Tensor { left .> Tensor(scalar) }

  /// 1 where a number is at least `scalar`.
  public static func .>= (left: Tensor, scalar: Float) -> Tensor { left .>= Tensor(scalar) }

  /// 1 where a number is `scalar`.
  public static func .== (left: Tensor, scalar: Float) -> Tensor { left .== Tensor(scalar) }

  /// 1 where a number isn't `scalar`.
  public static func .!= (left: Tensor, scalar: Float) -> Tensor { left .!= Tensor(scalar) }
}
