import CellgateKernels

extension InstructionSet {
  /// Floating-point operations per second, 2 for a multiply-add, that `threads` threads reach together when
  /// they multiply and add in registers alone: the limit of everything else. Takes some 30 ms.
  public func measurePeak(
    threads: Int = ThreadPool.current.threads, precision: Precision = .float32
  ) -> Double {
    let handle = unsafe products(precision).handle
    @discardableResult func compute(_ rounds: Int) -> Int {
      var sum: Float = 0
      return unsafe cg_peak_with(handle, rounds, 1e-3, &sum)
    }
    let clock = ContinuousClock()
    var rounds = 1 << 12
    while rounds < 1 << 30, clock.measure({ compute(rounds) }) < .milliseconds(3) { rounds *= 2 }
    let operations = Double(threads) * Double(compute(rounds))

    let pool = ThreadPool.current
    let before = pool.threads
    pool.threads = threads
    defer { pool.threads = before }
    // Whatever else runs only slows it down: the best of several attempts counts.
    let best = (0..<6).map { _ in clock.measure { pool.run(threads) { _ in compute(rounds) } } }.min()
    return best.map { operations / ($0 / .seconds(1)) } ?? 0
  }
}
