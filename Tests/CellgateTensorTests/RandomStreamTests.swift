import CellgateTensor
import Testing

@Suite struct RandomStreamTests {
  @Test("A stream whose position is restored continues with the same numbers")
  func resume() {
    var stream = RandomStream(seed: 3, name: "data order")
    for _ in 0..<5 { _ = stream.nextWord() }
    _ = stream.normal()
    let saved = stream.position
    let expected = (0..<20).map { _ in stream.uniform() }
    var resumed = RandomStream(seed: 3, name: "data order")
    resumed.position = saved
    #expect((0..<20).map { _ in resumed.uniform() } == expected)
    #expect(resumed == stream)
  }

  @Test("Drawing in sequence and by counter give the same numbers")
  func counters() {
    let stream = RandomStream(seed: 9, name: "x")
    var sequence = stream
    for counter in 0..<50 { #expect(sequence.uniform() == stream.uniform(at: UInt64(counter))) }
  }

  @Test("Seeds, names and steps give streams of their own")
  func independence() {
    var streams = [
      RandomStream(seed: 0, name: "a"), RandomStream(seed: 1, name: "a"), RandomStream(seed: 0, name: "b"),
      RandomStream(seed: 0, name: "a", step: 1), RandomStream(seed: 0, name: "", step: 0),
      RandomStream(seed: 0, name: "a").child("a"), RandomStream(seed: 0, name: "a").child("b"),
    ]
    let firsts = streams.indices.map { streams[$0].nextLong() }
    #expect(Set(firsts).count == streams.count)
  }

  @Test("Uniform numbers lie in their range with its mean and variance")
  func uniform() {
    var stream = RandomStream(seed: 5, name: "uniform")
    let values = stream.uniform([100_000], in: -2..<4).scalars.map(Double.init)
    #expect(values.allSatisfy { $0 >= -2 && $0 < 4 })
    let (mean, variance) = moments(values)
    // Standard errors of the mean 0.0055 and of the variance 0.0085: five of each.
    #expect(abs(mean - 1) < 0.028)
    #expect(abs(variance - 3) < 0.043)
  }

  @Test("Normal numbers have mean 0 and variance 1, and the right share beyond two deviations")
  func normal() {
    var stream = RandomStream(seed: 5, name: "normal")
    let values = stream.normal([100_000]).scalars.map(Double.init)
    let (mean, variance) = moments(values)
    #expect(abs(mean) < 0.016)
    #expect(abs(variance - 1) < 0.023)
    let beyond = Double(values.count { abs($0) > 2 }) / 100_000
    #expect(abs(beyond - 0.0455) < 0.0033)
    #expect(values.allSatisfy { $0.isFinite })
  }

  @Test("Integers below a bound are equally likely", arguments: [1, 2, 7, 10])
  func integers(bound: Int) {
    var stream = RandomStream(seed: 2, name: "integers")
    var counts = [Int](repeating: 0, count: bound)
    let draws = 70_000
    for _ in 0..<draws { counts[stream.integer(below: bound)] += 1 }
    let expected = Double(draws) / Double(bound)
    for count in counts { #expect(abs(Double(count) - expected) <= 5 * expected.squareRoot()) }
  }

  @Test("Integers below a bound near 2⁶² stay below it, and reach its upper half")
  func largeIntegers() {
    var stream = RandomStream(seed: 2, name: "integers")
    let bound = (1 << 62) + 12345
    let values = (0..<100).map { _ in stream.integer(below: bound) }
    #expect(values.allSatisfy { $0 >= 0 && $0 < bound })
    #expect(values.contains { $0 > bound / 2 })
  }

  @Test("A permutation holds every number once, and every order of three is equally likely")
  func permutations() {
    var stream = RandomStream(seed: 4, name: "order")
    #expect(stream.permutation(1000).sorted() == Array(0..<1000))
    #expect(stream.permutation(0) == [])
    var counts: [[Int]: Int] = [:]
    for _ in 0..<12_000 { counts[stream.permutation(3), default: 0] += 1 }
    #expect(counts.count == 6)
    for count in counts.values { #expect(abs(count - 2000) < 225) }
  }

  private func moments(_ values: [Double]) -> (mean: Double, variance: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    return (mean, values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count))
  }
}
