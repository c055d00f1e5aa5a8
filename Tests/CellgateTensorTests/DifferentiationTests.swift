import CellgateTensor
import Testing

@Suite struct DifferentiationTests {
  @Test("The gradient of a sum of products is the other factor")
  func products() {
    let (a, b) = (Parameter(Tensor([1, 2, 3])), Parameter(Tensor([4, 5, 6])))
    (a.tensor * b.tensor).sum().backward()
    #expect(a.gradient.scalars == [4, 5, 6])
    #expect(b.gradient.scalars == [1, 2, 3])
  }

  @Test("Gradients add up over uses and over backward passes until they are zeroed")
  func accumulation() {
    let a = Parameter(Tensor([3]))
    for _ in 0..<2 { (a.tensor * a.tensor + a.tensor).sum().backward() }
    #expect(a.gradient.scalars == [14])
    a.zeroGradient()
    #expect(a.gradient.scalars == [0])
  }

  @Test("A tensor used in many places gets the sum of its gradients, and shared gradients stay intact")
  func sharing() {
    let a = Parameter(Tensor([2, 3]))
    let square = a.tensor * a.tensor
    let twice = square + square
    ((twice + square).sum() + square[0].reshaped([]) * 5).backward()
    // d(3a²)/da = 6a, and 10a more for the first entry.
    #expect(a.gradient.scalars == [32, 18])
  }

  @Test("An operation with several outputs gets a gradient for those that are used")
  func severalOutputs() {
    let a = Parameter(Tensor([2]))
    func operation() -> [Tensor] {
      RecordedOperation.record(
        "both", inputs: [a.tensor, Tensor([1])], outputs: [Tensor([10]), Tensor([20])],
        backward: { gradients, needed in
          #expect(needed == [true, false])
          let first = gradients[0].map { $0 * 100 } ?? Tensor([0])
          let second = gradients[1].map { $0 * 1 } ?? Tensor([0])
          return [first + second, nil]
        })
    }
    operation()[1].sum().backward()
    #expect(a.gradient.scalars == [1])
    let outputs = operation()
    (outputs[0] + outputs[1]).sum().backward()
    #expect(a.gradient.scalars == [102])
  }

  @Test("Nothing is recorded without gradient, nor from detached tensors")
  func recording() {
    let a = Parameter(Tensor([2]))
    #expect((a.tensor * 2).needsGradient)
    #expect(withoutGradient { (a.tensor * 2).needsGradient } == false)
    #expect((a.tensor.detached * 2).needsGradient == false)
    #expect(RecordedOperation.records([a.tensor]))
    #expect(!RecordedOperation.records([a.value]))
  }

  @Test("A chain of 100,000 operations is differentiated and let go of without exhausting the stack")
  func longChain() {
    let a = Parameter(Tensor([1]))
    var sum = a.tensor
    for _ in 0..<100_000 { sum = sum + 1 }
    sum.sum().backward()
    #expect(a.gradient.scalars == [1])
    var kept = a.tensor
    // Products keep their inputs, which keep theirs; never differentiated.
    for _ in 0..<100_000 { kept = kept * a.tensor }
    kept = Tensor([0])
    #expect(kept.item == 0)
  }

  @Test("A node reached over paths of different lengths is differentiated once all have arrived")
  func diamond() {
    let a = Parameter(Tensor([1]))
    var (short, long) = (a.tensor * 2, a.tensor * 3)
    for _ in 0..<30 { (short, long) = (short + long, long) }
    // short = 2a + 30·3a
    short.sum().backward()
    #expect(a.gradient.scalars == [92])
  }

  @Test("What was saved for the backward pass is released by it")
  func release() {
    final class Witness {}
    let a = Parameter(Tensor([1]))
    weak var witness: Witness?
    let loss: Tensor
    do {
      let held = Witness()
      witness = held
      loss =
        RecordedOperation.record(
          "holder", inputs: [a.tensor], outputs: [Tensor(1)],
          backward: { _, _ in
            withExtendedLifetime(held) {}
            return [Tensor([1])]
          })[0]
    }
    #expect(witness != nil)
    loss.backward()
    #expect(witness == nil)
    #expect(loss.needsGradient)
  }

  @Test(
    "A parameter's gradient is said to be complete once, after all that is added to it and before others are begun"
  )
  func completed() {
    let first = Parameter(Tensor([1, 2])), tied = Parameter(Tensor([3, 4])), last = Parameter(Tensor([5, 6]))
    let unused = Parameter(Tensor([7]))
    // `tied` is read before and after `first`, `last` at the end.
    let loss = (tied.tensor * first.tensor * tied.tensor * last.tensor).sum()
    var order: [ObjectIdentifier] = [], found: [[Float]] = []
    loss.backward { parameter in
      order.append(ObjectIdentifier(parameter))
      found.append(parameter.gradient.scalars)
      if parameter === last { #expect(first.gradient.scalars == [0, 0]) }
    }
    #expect(order.first == ObjectIdentifier(last) && Set(order).count == 3 && order.count == 3)
    #expect(!order.contains(ObjectIdentifier(unused)))
    let all = [ObjectIdentifier(first): first, ObjectIdentifier(tied): tied, ObjectIdentifier(last): last]
    #expect(found == order.map { all[$0]?.gradient.scalars ?? [] })
    #expect(
      tied.gradient.scalars == [30, 96] && first.gradient.scalars == [45, 96]
        && last.gradient.scalars == [9, 32])
  }

  @Test("A record that was used up, a loss of several numbers, and a wrong gradient stop the program")
  func misuse() async {
    await #expect(processExitsWith: .failure) {
      let loss = Parameter(Tensor([1])).tensor.sum()
      loss.backward()
      loss.backward()
    }
    await #expect(processExitsWith: .failure) { (Parameter(Tensor([1, 2])).tensor * 2).backward() }
    await #expect(processExitsWith: .failure) { Tensor(1).backward() }
    await #expect(processExitsWith: .failure) {
      let a = Parameter(Tensor([1, 2]))
      RecordedOperation.record(
        "wrong", inputs: [a.tensor], outputs: [Tensor(1)], backward: { _, _ in [Tensor([1])] })[0]
        .backward()
    }
  }

  @Test("A parameter moved into other memory keeps its value and gradient and shares that memory")
  func move() {
    let a = Parameter(Tensor([1, 2]))
    (a.tensor * 3).sum().backward()
    let (values, gradients) = (Storage(zeros: 8), Storage(zeros: 8))
    a.move(
      value: Tensor(storage: values, offset: 3, shape: [2]),
      gradient: Tensor(storage: gradients, offset: 3, shape: [2]))
    #expect(a.value.scalars == [1, 2])
    #expect(a.gradient.scalars == [3, 3])
    a.tensor.sum().backward()
    #expect(unsafe gradients.pointer[4] == 4)
    a.assign(Tensor([8, 9]))
    #expect(unsafe values.pointer[4] == 9)
  }
}
