import CellgateBasics

/// How much work is done, in units of any size.
struct ReproductionWork {
  var total = 0.0
  private var doneHere = 0.0
  private var finished = 0.0
  /// Shares of the runs that are under way, now and when they were taken up.
  private var shares: [Int: (now: Double, first: Double, cost: Double)] = [:]

  init(total: Double = 0) { self.total = total }

  mutating func start(_ run: Int, share: Double) { shares[run] = (share, share, 0) }

  mutating func advance(_ run: Int, share: Double, cost: Double) {
    shares[run] = (share, shares[run]?.first ?? 0, cost)
  }

  mutating func finish(_ run: Int, cost: Double) {
    finished += cost
    if let share = shares.removeValue(forKey: run) { doneHere += (share.now - share.first) * cost }
  }

  func progress(seconds: Double) -> Reproduction.Progress {
    let underWay = shares.values.reduce(0) { $0 + $1.now * $1.cost }
    let done = doneHere + shares.values.reduce(0) { $0 + ($1.now - $1.first) * $1.cost }
    let left = max(0, total - finished - underWay)
    return Reproduction.Progress(
      share: total > 0 ? 1 - left / total : 1,
      secondsLeft: done > 0 && seconds > 2 ? left * seconds / done : nil)
  }
}
