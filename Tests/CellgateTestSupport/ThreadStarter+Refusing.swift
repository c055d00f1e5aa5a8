import CellgateTensor
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension ThreadStarter {
  /// Starts `count` threads and refuses all others, as a limit on processes does.
  package static func allowing(_ count: Int) -> ThreadStarter {
    let left = Counter(count)
    return ThreadStarter { name, stackSize, body in
      left.take() ? system.start(name, stackSize, body) : EAGAIN
    }
  }
}

/// Counts down to 0.
private final class Counter: Sendable {
  private let left: Mutex<Int>

  init(_ count: Int) { left = Mutex(count) }

  /// False when nothing is left.
  func take() -> Bool {
    left.withLock { left in
      left -= 1
      return left >= 0
    }
  }
}
