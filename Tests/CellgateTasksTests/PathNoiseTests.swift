import CellgateTensor
import Testing

@testable import CellgateTasks

@Suite("Paths")
struct PathNoiseTests {
  /// The autocorrelation of `count` paths at a lag; its error is about 1/√count.
  private func correlation(_ noise: PathNoise, lag: Int, steps: Int, count: Int = 4000) -> Double {
    var stream = RandomStream(seed: 2, name: "paths")
    var (sum, size) = (0.0, 0.0)
    for _ in 0..<count {
      let path = noise.path(steps, &stream)
      sum += path[steps - 1] * path[steps - 1 - lag]
      size += path[steps - 1] * path[steps - 1]
    }
    return sum / size
  }

  @Test("Steps are normal with deviation 1 and have the correlation of their process")
  func autoregression() {
    let noise = PathNoise(partial: [0.8, 0, 0])
    for lag in 1...4 {
      let exact = (0..<lag).reduce(1.0) { power, _ in power * 0.8 }
      #expect(abs(correlation(noise, lag: lag, steps: 12) - exact) < 0.06)
    }
    // φ₁ = 0.6 (1 − 0.5) and φ₂ = 0.5: ρ₂ = φ₁ρ₁ + φ₂.
    let second = PathNoise(partial: [0.6, 0.5])
    #expect(abs(correlation(second, lag: 1, steps: 9) - 0.6) < 0.06)
    #expect(abs(correlation(second, lag: 2, steps: 9) - 0.68) < 0.06)
    var stream = RandomStream(seed: 1, name: "deviation")
    let last = (0..<4000).map { _ in second.path(9, &stream)[8] }
    #expect(abs(last.reduce(0) { $0 + $1 * $1 } / 4000 - 1) < 0.1)
  }

  @Test("Without partial autocorrelations steps are drawn one by one")
  func independent() {
    for none in [[], [0, 0]] as [[Float]] {
      var (one, other) = (RandomStream(seed: 3, name: "a"), RandomStream(seed: 3, name: "a"))
      #expect(PathNoise(partial: none).path(5, &one) == (0..<5).map { _ in Double(other.normal()) })
    }
  }

  @Test("Whatever a file has gives numbers")
  func hostile() {
    var stream = RandomStream(seed: 3, name: "a")
    for odd in [[.nan, 5, -7], [.infinity, 1, 1], [-1, -1, -1]] as [[Float]] {
      #expect(PathNoise(partial: odd).path(50, &stream).allSatisfy { $0.isFinite && abs($0) < 100 })
    }
  }

  @Test("The partial autocorrelations of residuals are those of the process that made them")
  func estimate() {
    let process: [Float] = [0.7, -0.3, 0.2]
    let noise = PathNoise(partial: process)
    var sums = PathCorrelation(lags: 5)
    var stream = RandomStream(seed: 4, name: "residuals")
    for _ in 0..<2000 { sums.add(noise.path(12, &stream).map { 1.7 * $0 }) }
    for (found, exact) in zip(sums.partial, process + [0, 0]) { #expect(abs(found - exact) < 0.04) }
  }

  @Test("What is missing doesn't count, and few pairs say nothing")
  func missing() {
    var sums = PathCorrelation(lags: 3)
    for _ in 0..<19 { sums.add([1, 1, nil, 1]) }
    // Lag 1 has 19 pairs.
    #expect(sums.partial == [0, 0, 0])
    sums.add([1, 1, nil, 1])
    // All that are known are the same.
    #expect(sums.partial[0] == Float(PathNoise.limit))
    #expect(PathCorrelation(lags: 0).partial.isEmpty)
    var short = PathCorrelation(lags: 3)
    short.add([])
    short.add([2])
    #expect(short.partial == [0, 0, 0])
  }

  /// Residuals that are all alike have a correlation of 1, and those with estimates that no process has are brought near.
  @Test("An estimate that no process has is brought to one")
  func bounds() {
    var sums = PathCorrelation(lags: 4)
    for index in 0..<100 { sums.add([1, -1, 1, index % 2 == 0 ? 1 : -1, 1, 1].map { Optional($0) }) }
    #expect(sums.partial.allSatisfy { abs($0) <= Float(PathNoise.limit) })
  }
}
