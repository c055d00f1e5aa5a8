import CellgateNN
import CellgateTensor
import Testing

@Suite struct ForwardContextTests {
  @Test("Noise depends on seed, step, layer and use, and on nothing else")
  func streams() {
    func first(_ seed: UInt64, _ step: UInt64, _ name: String, use: Int = 0) -> UInt64 {
      let context = ForwardContext.training(seed: seed, step: step)
      _ = context.stream("another layer")
      for _ in 0..<use { _ = context.stream(name) }
      var stream = context.stream(name)
      return stream.nextLong()
    }
    #expect(first(1, 2, "a") == first(1, 2, "a"))
    #expect(first(1, 2, "a", use: 1) == first(1, 2, "a", use: 1))
    let different = [
      first(1, 2, "a"), first(2, 2, "a"), first(1, 3, "a"), first(1, 2, "b"), first(1, 2, "a", use: 1),
    ]
    #expect(Set(different).count == different.count)
  }
}
