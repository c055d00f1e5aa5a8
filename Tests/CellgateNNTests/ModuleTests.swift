import CellgateNN
import CellgateTensor
import Testing

/// A module of any members.
final class Parts: Module {
  let members: [Member]
  init(_ members: [Member]) { self.members = members }
}

@Suite struct ModuleTests {
  @Test("Parameters have dotted names in the order of the members")
  func names() {
    let stream = RandomStream(seed: 0, name: "initialisation")
    let model = Parts([
      .module("encoder", Linear(inputSize: 2, outputSize: 3, stream: stream)),
      .parameter("scale", Parameter(Tensor([1]))),
      .module(
        "head", Parts([.module("out", Linear(inputSize: 3, outputSize: 1, hasBias: false, stream: stream))])),
    ])
    #expect(
      model.namedParameters().map(\.name) == [
        "encoder.weight", "encoder.bias", "scale", "head.out.weight",
      ])
  }

  @Test("Names that occur twice, are empty or have a dot stop the program")
  func badNames() async {
    await #expect(processExitsWith: .failure) {
      let p = Parameter(Tensor([1]))
      _ = Parts([.parameter("a", p), .parameter("a", p)]).namedParameters()
    }
    await #expect(processExitsWith: .failure) {
      _ = Parts([.parameter("a.b", Parameter(Tensor([1])))]).namedParameters()
    }
    await #expect(processExitsWith: .failure) {
      _ = Parts([.parameter("", Parameter(Tensor([1])))]).namedParameters()
    }
  }
}
