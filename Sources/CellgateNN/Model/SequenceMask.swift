import CellgateBasics
import CellgateTensor

/// Which steps of a batch of sequences are valid.
public enum SequenceMask: Equatable, Sendable {
  /// The first so many steps of each sequence, [B]: the fast case.
  case lengths([Int])
  /// A flag for each step and sequence, [T, B] row by row: padding in front, gaps.
  case flags([Bool])

  /// The mask of these flags [T, B], as lengths where the valid steps of every sequence are its first ones.
  public init(flags: [Bool], batch: Int) {
    require(
      batch > 0 ? flags.count % batch == 0 : flags.isEmpty,
      "SequenceMask: expected flags of whole steps of \(batch) sequences, found \(flags.count)")
    guard batch > 0 else {
      self = .lengths([])
      return
    }
    let steps = flags.count / batch
    var lengths = [Int](repeating: 0, count: batch)
    for step in 0..<steps {
      for sequence in 0..<batch where flags[step * batch + sequence] {
        if lengths[sequence] != step {
          self = .flags(flags)
          return
        }
        lengths[sequence] = step + 1
      }
    }
    self = .lengths(lengths)
  }

  /// The flags of T `steps` of B `batch` sequences, [T, B].
  public func flags(steps: Int, batch: Int) -> [Bool] {
    switch self {
    case .flags(let flags): flags
    case .lengths(let lengths): (0..<steps * batch).map { $0 / batch < lengths[$0 % batch] }
    }
  }

  /// The flags as numbers [T, B], 1 where a step is valid.
  func weights(steps: Int, batch: Int) -> Tensor {
    Tensor(flags(steps: steps, batch: batch).map { $0 ? 1 : 0 }, shape: [steps, batch])
  }

  /// The steps that are valid in both masks.
  func and(_ other: SequenceMask, steps: Int, batch: Int) -> SequenceMask {
    if self == other { return self }
    let pairs = zip(flags(steps: steps, batch: batch), other.flags(steps: steps, batch: batch))
    return SequenceMask(flags: pairs.map { $0 && $1 }, batch: batch)
  }

  /// The mask of a batch in which each of these B sequences is there `count` times, one after another.
  func repeated(_ count: Int) -> SequenceMask {
    switch self {
    case .lengths(let lengths): .lengths(lengths.flatMap { Array(repeating: $0, count: count) })
    case .flags(let flags): .flags(flags.flatMap { Array(repeating: $0, count: count) })
    }
  }

  /// The same steps in reverse order.
  func reversed(steps: Int, batch: Int) -> SequenceMask {
    let flags = flags(steps: steps, batch: batch)
    return SequenceMask(
      flags: (0..<flags.count).map { flags[(steps - 1 - $0 / batch) * batch + $0 % batch] }, batch: batch)
  }
}
