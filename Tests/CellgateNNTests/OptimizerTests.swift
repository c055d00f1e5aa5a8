import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite struct OptimizerTests {
  /// One optimiser under one choice of settings.
  struct Case: Sendable, CustomStringConvertible {
    let name: String
    let settings: OptimizerSettings
    let description: String

    init(_ name: String, _ description: String = "", _ change: (inout OptimizerSettings) -> Void = { _ in }) {
      var settings = OptimizerSettings()
      change(&settings)
      (self.name, self.settings, self.description) = (name, settings, name + description)
    }
  }

  static let cases: [Case] = [
    Case("sgd"),
    Case("sgd", " with momentum") { $0.momentum = 0.9 },
    Case("sgd", " with Nesterov's momentum and decay") {
      ($0.momentum, $0.nesterov, $0.weightDecay) = (0.8, true, 0.1)
    },
    Case("rmsprop") { $0.learningRate = 0.02 },
    Case("rmsprop", " with momentum and decay") {
      ($0.momentum, $0.smoothing, $0.weightDecay) = (0.5, 0.9, 0.1)
    },
    Case("adam"),
    Case("adam", " with decay") { ($0.weightDecay, $0.beta1, $0.beta2) = (0.1, 0.8, 0.9) },
    Case("adamw") { $0.learningRate = 0.05 },
    Case("adamw", " without decay") { $0.weightDecay = 0 },
  ]

  /// The update rules as PyTorch documents them, one number at a time in Double.
  struct Reference {
    let test: Case
    var first = 0.0
    var second = 0.0
    var step = 0

    mutating func updated(_ value: Double, _ gradient: Double) -> Double {
      let s = test.settings
      let rate = Double(s.learningRate ?? (test.name.hasPrefix("adam") ? 0.001 : 0.01))
      let decay = Double(s.weightDecay ?? (test.name == "adamw" ? 0.01 : 0))
      let momentum = Double(s.momentum)
      let g = test.name == "adamw" ? gradient : gradient + decay * value
      step += 1
      switch test.name {
      case "sgd":
        first = step == 1 ? g : momentum * first + g
        return value - rate * (momentum == 0 ? g : s.nesterov ? g + momentum * first : first)
      case "rmsprop":
        second = Double(s.smoothing) * second + (1 - Double(s.smoothing)) * g * g
        let direction = g / (second.squareRoot() + Double(s.epsilon))
        first = momentum * first + direction
        return value - rate * (momentum == 0 ? direction : first)
      default:
        let (beta1, beta2) = (Double(s.beta1), Double(s.beta2))
        first = beta1 * first + (1 - beta1) * g
        second = beta2 * second + (1 - beta2) * g * g
        let mean = first / (1 - pow(beta1, Double(step)))
        let square = second / (1 - pow(beta2, Double(step)))
        let start = test.name == "adamw" ? value * (1 - rate * decay) : value
        return start - rate * mean / (square.squareRoot() + Double(s.epsilon))
      }
    }
  }

  func gradients(_ step: Int, _ count: Int) -> [Float] { random([count], "g\(step)").scalars }

  @Test("Twenty updates follow the definition in Double", arguments: cases)
  func definition(test: Case) throws {
    let count = 40
    let set = ParameterSet(Parts([.parameter("p", Parameter(random([count], "p")))]))
    let optimizer = try Optimizers.make(test.name, count: count, settings: test.settings)
    var references = [Reference](repeating: Reference(test: test), count: count)
    var expected = set.values.scalars.map(Double.init)
    for step in 0..<20 {
      let gradients = gradients(step, count)
      set.fillGradients(gradients)
      optimizer.step(set)
      for index in 0..<count {
        expected[index] = references[index].updated(expected[index], Double(gradients[index]))
      }
    }
    #expect(optimizer.stepCount == 20)
    for (value, expected) in zip(set.values.scalars, expected) {
      // Twenty roundings of numbers of size 1 in Float32.
      #expect(abs(Double(value) - expected) < 3e-6)
    }
  }

  @Test("By hand: two updates of one number")
  func byHand() throws {
    func run(_ name: String, _ settings: OptimizerSettings, _ gradients: [Float]) throws -> Float {
      let set = ParameterSet(Parts([.parameter("p", Parameter(Tensor([1])))]))
      let optimizer = try Optimizers.make(name, count: 1, settings: settings)
      for gradient in gradients {
        set.fillGradients([gradient])
        optimizer.step(set)
      }
      return set.values.item
    }
    var settings = OptimizerSettings(learningRate: 0.5)
    #expect(try run("sgd", settings, [1, -1]) == 1)
    settings.momentum = 0.5
    // v = 1, then 0.5 + 1 = 1.5: θ = 1 − 0.5 − 0.75.
    #expect(try run("sgd", settings, [1, 1]) == -0.25)
    // Adam's first step is the learning rate against the gradient's sign, whatever its size.
    #expect(abs(try run("adam", settings, [1000]) - 0.5) < 1e-6)
    // AdamW shrinks by 1 − 0.5 · 0.01 before it.
    #expect(abs(try run("adamw", settings, [1000]) - 0.495) < 1e-6)
    settings.momentum = 0
    settings.smoothing = 0.75
    // s = 0.25 · 16 = 4, √s = 2: θ = 1 − 0.5 · 4 / 2.
    #expect(abs(try run("rmsprop", settings, [4])) < 1e-6)
  }

  @Test("A restored optimiser continues with the same bits", arguments: cases)
  func resume(test: Case) throws {
    let count = 7
    let (values, optimizer) = (
      ParameterSet(Parts([.parameter("p", Parameter(random([count], "p")))])),
      try Optimizers.make(test.name, count: count, settings: test.settings)
    )
    for step in 0..<3 {
      values.fillGradients(gradients(step, count))
      optimizer.step(values)
    }
    let copy = ParameterSet(Parts([.parameter("p", Parameter(values.values))]))
    let resumed = try Optimizers.make(test.name, count: count, settings: test.settings)
    let saved = Dictionary(uniqueKeysWithValues: optimizer.state.map { ($0.name, $0.values.copied()) })
    try resumed.restore(stepCount: optimizer.stepCount, state: saved)
    for step in 3..<6 {
      for (set, optimizer) in [(values, optimizer), (copy, resumed)] {
        set.fillGradients(gradients(step, count))
        optimizer.step(set)
      }
    }
    #expect(copy.values.scalars == values.values.scalars)
  }

  @Test("One thread and several give the same bits", arguments: Optimizers.names)
  func threads(name: String) throws {
    func run() throws -> [Float] {
      let set = ParameterSet(Parts([.parameter("p", Parameter(random([50_000], "p")))]))
      let optimizer = try Optimizers.make(name, count: set.count)
      set.fillGradients(gradients(0, set.count))
      for _ in 0..<3 { optimizer.step(set) }
      return set.values.scalars
    }
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = before }
    ThreadPool.shared.threads = 1
    let alone = try run()
    ThreadPool.shared.threads = 4
    #expect(try run() == alone)
  }

  @Test("Unknown names, settings out of range and states that do not fit are errors of one line")
  func errors() throws {
    #expect(throws: OptimizerError.unknownName(found: "adm", known: ["sgd", "rmsprop", "adam", "adamw"])) {
      try Optimizers.make("adm", count: 1)
    }
    var settings = OptimizerSettings(learningRate: -1)
    #expect(
      throws: OptimizerError.badSetting(name: "learning rate", expected: "above 0", found: "-1.0")
    ) { try Optimizers.make("sgd", count: 1, settings: settings) }
    settings = OptimizerSettings(learningRate: .nan)
    #expect(throws: OptimizerError.self) { try Optimizers.make("sgd", count: 1, settings: settings) }
    settings = OptimizerSettings()
    settings.nesterov = true
    #expect(throws: OptimizerError.self) { try Optimizers.make("sgd", count: 1, settings: settings) }

    let adam = try Optimizers.make("adam", count: 2)
    #expect(throws: OptimizerError.missingState(optimizer: "adam", state: "second_moment")) {
      try adam.restore(stepCount: 1, state: ["first_moment": Tensor([1, 1])])
    }
    let wrong = OptimizerError.wrongCount(optimizer: "adam", state: "second_moment", expected: 2, found: 1)
    #expect(throws: wrong) {
      try adam.restore(
        stepCount: 1, state: ["first_moment": Tensor([1, 1]), "second_moment": Tensor([1])])
    }
    #expect(throws: OptimizerError.negativeStepCount(optimizer: "adam", found: -1)) {
      try adam.restore(stepCount: -1, state: [:])
    }
    #expect(adam.stepCount == 0)
    #expect(adam.state[0].values.scalars == [0, 0])
    #expect(!wrong.description.contains("\n") && wrong.description.contains("second_moment"))
  }
}
