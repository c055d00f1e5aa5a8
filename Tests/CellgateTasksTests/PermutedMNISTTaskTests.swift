import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTraining
import Testing

@testable import CellgateData
@testable import CellgateTasks

@Suite("Permuted MNIST")
struct PermutedMNISTTaskTests {
  @Test("The order names every pixel once, and is NumPy's RandomState(92916).permutation(784)")
  func order() {
    #expect(PixelPermutation.order.sorted() == Array(0..<784))
    var generator = MT19937(seed: 92916)
    #expect(PixelPermutation.order == generator.permutation(784))
  }

  @Test("The small generator gives the numbers of the reference implementation")
  func generator() {
    // The first outputs for seed 5489, the default of std::mt19937, and its 10,000th, which the C++ standard names.
    var generator = MT19937(seed: 5489)
    #expect((0..<3).map { _ in generator.next() } == [3_499_211_612, 581_869_302, 3_890_346_734])
    for _ in 3..<9_999 { _ = generator.next() }
    #expect(generator.next() == 4_123_659_995)
  }

  @Test("Each step shows the permuted pixel of every image, and all else is as in sequential MNIST")
  func pixels() {
    let part = MNIST.Part(
      pixels: (0..<5002 * MNIST.pixels).map { UInt8(truncatingIfNeeded: $0 / 7) },
      labels: (0..<5002).map { UInt8($0 % 10) })
    let (x, classes) = part.sequences([2, 5], order: PermutedMNISTTask.order)
    #expect(x.shape == [784, 2, 1] && classes == [2, 5])
    let values = x.scalars
    for step in [0, 1, 400, 783] {
      let pixel = PixelPermutation.order[step]
      #expect(values[2 * step] == Float(part.pixels[2 * 784 + pixel]) / 255)
      #expect(values[2 * step + 1] == Float(part.pixels[5 * 784 + pixel]) / 255)
    }

    var (settings, other) = (PermutedMNISTTask.defaults, SequentialMNISTTask.defaults)
    #expect(settings.task == "pmnist" && PermutedMNISTTask.name == "pmnist")
    other.task = "pmnist"
    #expect(settings == other)

    settings.hidden = 4
    settings.batch = 2
    let test = MNIST.Part(pixels: Array(part.pixels[..<7840]), labels: [UInt8](0..<10))
    let data = MNIST(training: part, test: test)
    let permuted = PermutedMNISTTask(settings: settings, digits: data)
    let plain = SequentialMNISTTask(settings: settings, digits: data)
    #expect(permuted.batches.images(seed: 1, step: 0) == plain.batches.images(seed: 1, step: 0))
    let model = permuted.makeModel(cell: .lstm)
    #expect(permuted.evaluate(model, on: .test).extras != plain.evaluate(model, on: .test).extras)
  }
}

/// The Mersenne Twister (Matsumoto and Nishimura 1998, https://doi.org/10.1145/272991.272995) and the shuffle of
/// NumPy's legacy generator: Fisher and Yates, with numbers below a bound drawn by masking and rejection.
struct MT19937 {
  private var state: [UInt32]
  private var index = 624

  init(seed: UInt32) {
    state = [seed]
    for place in 1..<624 {
      let last = state[place - 1]
      state.append(1_812_433_253 &* (last ^ last >> 30) &+ UInt32(place))
    }
  }

  mutating func next() -> UInt32 {
    if index == 624 {
      for place in 0..<624 {
        let joined = state[place] & 0x8000_0000 | state[(place + 1) % 624] & 0x7FFF_FFFF
        state[place] = state[(place + 397) % 624] ^ joined >> 1 ^ (joined & 1 == 0 ? 0 : 0x9908_B0DF)
      }
      index = 0
    }
    var word = state[index]
    index += 1
    word ^= word >> 11
    word ^= word << 7 & 0x9D2C_5680
    word ^= word << 15 & 0xEFC6_0000
    return word ^ word >> 18
  }

  mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      let mask = UInt32.max >> UInt32(last).leadingZeroBitCount
      var other = next() & mask
      while other > last { other = next() & mask }
      order.swapAt(last, Int(other))
    }
    return order
  }
}
