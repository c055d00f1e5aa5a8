/// Whether somebody wants a long inference to end before it is done, such as a user who presses Ctrl-C.
///
/// Recurrent layers ask on the way through a sequence. Once the request is made it stays: what an inference gives
/// afterwards is not whole and must be thrown away.
public final class StopRequest {
  private let isWanted: () -> Bool
  /// Whether an answer to `check` was yes.
  public private(set) var isMade = false

  /// Rows or multiply-adds of a layer between two questions. Weights are packed for each piece of a sequence, which
  /// takes little beside so many rows; pieces of usual sizes take some ten milliseconds on one core.
  package var least = (rows: 1 << 11, work: 1 << 29)

  /// A request that is made as soon as `isWanted` is true when it is asked.
  public init(_ isWanted: @escaping () -> Bool) { self.isWanted = isWanted }

  /// Asks, unless the request is made already; true when it is.
  public func check() -> Bool {
    if !isMade { isMade = isWanted() }
    return isMade
  }
}
