import Cellgate

// A recurrent cell of one's own, from its equations to a trained model, with the public API alone:
//
//     swift run -c release --package-path Examples OwnCell

// MARK: 1. The cell

/// An LSTM with working memory connections and coupled gates: what is let in takes the place of what is
/// forgotten, f = 1 − i, so there is no forget gate to learn.
///
/// This is all there is to write. The gradient, the packed matrix products, the vectorised code for whole
/// sequences, the printed equations and the parameter counts are derived from it. A mistake (a state never
/// assigned, sizes that don't fit, a name used twice) is reported here, by the name of the node.
let cell = try Cell("lstm-wm-coupled", summary: "working memory connections, f = 1 − i") { cell in
  let x = cell.input
  let h = cell.state("h")  // the first state is the output
  let c = cell.state("c")
  let W = cell.matrices("weight_ih", gates: "i", "g", "o")
  let U = cell.matrices("weight_hh", gates: "i", "g", "o", start: .orthogonal)
  let M = cell.matrices("weight_mh", gates: "i", "o")
  let b = cell.vectors("bias", gates: "i", "g", "o", start: ["i": GateBias(-1, chronoSign: -1)])

  let i = cell.define("i", sigmoid(W.i(x) + U.i(h) + tanh(M.i(c)) + b.i))
  let g = cell.define("g", tanh(W.g(x) + U.g(h) + b.g))
  let c1 = cell.next(c, (1 - i) * c + i * g)
  let o = cell.define("o", sigmoid(W.o(x) + U.o(h) + tanh(M.o(c1)) + b.o))  // reads the new cell state
  cell.next(h, o * tanh(c1))
}

// MARK: 2. A model

/// The cell over a sequence [T, B, 2], and a linear map from its last output to one number [B, 1].
final class Adder: Module {
  let recurrent: Recurrent
  let head: Linear

  init(cell: Cell, hiddenSize: Int, stream: RandomStream) {
    recurrent = Recurrent(
      cell: cell, inputSize: 2, hiddenSize: hiddenSize, stream: stream.child("recurrent"))
    head = Linear(inputSize: hiddenSize, outputSize: 1, stream: stream.child("head"))
  }

  /// The parts, by the names that go before their parameters': "recurrent.weight_ih_l0".
  var members: [Member] { [.module("recurrent", recurrent), .module("head", head)] }

  func callAsFunction(_ x: Tensor, _ context: ForwardContext) -> Tensor {
    // Only the last step matters here, so the outputs of the others are never stored.
    head(recurrent(x, context: context, wantsOutput: false).last)
  }
}

// MARK: 3. A task

/// A batch of the adding problem (Hochreiter & Schmidhuber 1997): a row of random numbers, two of which are
/// marked, one in each half; their sum is asked for. Always answering 1 has an error of 1/6.
func addingProblem(steps: Int, batch: Int, stream: RandomStream) -> (x: Tensor, y: Tensor) {
  var stream = stream
  var x = [Float](repeating: 0, count: steps * batch * 2)
  var y = [Float](repeating: 0, count: batch)
  for sequence in 0..<batch {
    let half = steps / 2
    let marked = [stream.integer(below: half), half + stream.integer(below: steps - half)]
    for step in 0..<steps {
      let place = (step * batch + sequence) * 2
      x[place] = stream.uniform()
      if marked.contains(step) {
        x[place + 1] = 1
        y[sequence] += x[place]
      }
    }
  }
  return (Tensor(x, shape: [steps, batch, 2]), Tensor(y, shape: [batch, 1]))
}

// MARK: 4. Training

/// Trains a model of the cell, prints how its error falls, and returns the milliseconds that a step takes.
func train(_ cell: Cell, updates: Int) throws -> Double {
  let steps = 30, batch = 32, hiddenSize = 64
  let seed: UInt64 = 1
  let model = Adder(
    cell: cell, hiddenSize: hiddenSize, stream: RandomStream(seed: seed, name: "initialisation"))
  let parameters = ParameterSet(model)
  let optimizer = try Optimizers.make(
    "adam", count: parameters.count, settings: OptimizerSettings(learningRate: 5e-3))
  print("\n\(cell.name): \(parameters.count) parameters")

  let clock = ContinuousClock()
  var computing = Duration.zero
  var sum: Float = 0
  for step in 0..<UInt64(updates) {
    let data = addingProblem(
      steps: steps, batch: batch, stream: RandomStream(seed: seed, name: "data", step: step))
    computing += clock.measure {
      parameters.zeroGradients()
      let prediction = model(data.x, .training(seed: seed, step: step))
      let loss = meanSquaredError(prediction, target: data.y)
      loss.backward()
      parameters.clipGradients(norm: 1)
      optimizer.step(parameters)
      sum += loss.item
    }
    if (step + 1) % 100 == 0 {
      print("  update \(step + 1): mean squared error \(rounded(Double(sum / 100), to: 10_000))")
      sum = 0
    }
  }
  return computing / .milliseconds(1) / Double(updates)
}

func rounded(_ number: Double, to parts: Double) -> Double { (number * parts).rounded() / parts }

print("\(cell.name): \(cell.summary)\n")
for equation in cell.equations() { print("  " + equation) }

let own = try train(cell, updates: 800)
let builtIn = try train(.lstm, updates: 800)
print("\nA training step at the same sizes:")
for (name, milliseconds) in [(cell.name, own), (Cell.lstm.name, builtIn)] {
  print("  \(name): \(rounded(milliseconds, to: 100)) ms")
}
