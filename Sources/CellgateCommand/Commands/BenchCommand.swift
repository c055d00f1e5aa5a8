import ArgumentParser
import Cellgate
import CellgateBasics

/// `cellgate bench`: how long a step takes.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Time a training and an inference step of one cell.",
    discussion: """
      Runs a batch of random sequences through layers of a cell and prints the median time of two things: a \
      training step (forward and backward pass with the gradients of all parameters) and an inference step \
      (forward pass only), and what share of the machine's peak they reach: of the multiply-adds that the \
      threads do when they need no memory, measured beforehand. For comparable numbers let nothing else run \
      on the machine.

      EXAMPLES:
        cellgate bench
        cellgate bench --cell gru --steps 100 --batch 50 --hidden 256 --bidirectional
        cellgate bench --cell lstm --threads 1 --json
        cellgate bench --hidden 512 --input 512 --precision bf16
        cellgate bench --cell lstm --zoneout h=0.05,c=0.5 --weight-drop 0.5
      """)

  @Option(help: ArgumentHelp(CellArgument.help, valueName: "name"))
  var cell = "lstm-wm"

  @Option(parsing: .unconditional, help: ArgumentHelp("Steps of each sequence.", valueName: "n"))
  var steps = WholeNumber(784)

  @Option(parsing: .unconditional, help: ArgumentHelp("Sequences in the batch.", valueName: "n"))
  var batch = WholeNumber(128)

  @Option(parsing: .unconditional, help: ArgumentHelp("Numbers that are read at each step.", valueName: "n"))
  var input = WholeNumber(1)

  @Option(parsing: .unconditional, help: ArgumentHelp("Hidden units of each layer.", valueName: "n"))
  var hidden = WholeNumber(128)

  @Option(parsing: .unconditional, help: ArgumentHelp("Layers on top of one another.", valueName: "n"))
  var layers = WholeNumber(1)

  @Flag(help: "Read the sequences in both directions.")
  var bidirectional = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the states of about every n-th step alone and compute the rest again.", valueName: "n"))
  var recomputeEvery: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Zoneout of the states, as of 'cellgate train'.", valueName: "x|h=x,c=x"))
  var zoneout: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Weight drop, as of 'cellgate train'.", valueName: "x"))
  var weightDrop: RealNumber?

  /// The name of `--recompute-every` in earlier versions.
  @Option(name: .customLong("checkpoint-every"), parsing: .unconditional, help: .hidden)
  var checkpointEvery: WholeNumber?

  @Option(help: ArgumentHelp(OptionProblems.precisionHelp, valueName: "name"))
  var precision = Precision.float32.rawValue

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How often each step is timed, after a warm-up.", valueName: "n"))
  var repeats = WholeNumber(5)

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    let bench = try checked()
    let display = LiveDisplay([bench.cell.name], unit: "runs", isSilent: json)
    let times = bench.measure { done, total in
      display.update(0, done: done, total: total, note: done * 2 <= total ? "training" : "inference")
    }
    display.finish(0, verdict: "done")
    display.close()
    let report = BenchReport(
      bench: bench, training: times.training, inference: times.inference, peak: times.peak)
    if json { report.record.print() } else { report.print() }
  }

  private func checked() throws(CommandFailure) -> Bench {
    var problems = OptionProblems()
    let found = try problems.cell(cell)
    let sizes = 1...ModelOptions.largestSize
    let steps = problems.whole("--steps", steps, in: sizes)
    let batch = problems.whole("--batch", batch, in: sizes)
    let input = problems.whole("--input", input, in: sizes)
    let hidden = problems.whole("--hidden", hidden, in: sizes)
    let layers = problems.whole("--layers", layers, in: 1...ModelOptions.mostLayers)
    let threads = problems.whole("--threads", threads, in: 1...ModelOptions.mostThreads)
    let repeats = problems.whole("--repeats", repeats, in: 1...100_000)
    let segment = problems.renamed("recompute-every", recomputeEvery, "checkpoint-every", checkpointEvery)
    let recomputeEvery: Int? = problems.whole("--recompute-every", segment, in: sizes)
    let precision = problems.precision(precision)
    if let problem = precision?.trainingProblem(on: .active) { problems.add("--precision: \(problem)") }
    let zoneout = problems.zoneout(zoneout)
    if let found, let problem = zoneout?.problem(for: found) { problems.add("--zoneout: \(problem)") }
    let weightDrop = problems.real("--weight-drop", weightDrop, "0 or more, below 1") { (0..<1).contains($0) }
    try problems.check()
    guard let found, let precision else { throw CommandFailure(problems: problems.lines) }
    let bench = Bench(
      cell: found, steps: steps, batch: batch, input: input, hidden: hidden, layers: layers,
      directions: bidirectional ? 2 : 1, threads: threads ?? Processors.available,
      repeats: repeats, recomputeEvery: recomputeEvery, precision: precision, zoneout: zoneout,
      weightDrop: weightDrop.map { Float($0) })
    let (needed, available) = (bench.memory.bytes, MemoryEstimate.available)
    guard needed <= available else {
      throw CommandFailure(
        .usage,
        "--steps \(steps) --batch \(batch) --input \(input) --hidden \(hidden) --layers \(layers)"
          + (bidirectional ? " --bidirectional" : "")
          + ": would need about \(Text.bytes(needed)) of memory; this machine has \(Text.bytes(available))")
    }
    return bench
  }
}

/// What is timed.
struct Bench {
  let cell: Cell
  let steps, batch, input, hidden, layers, directions, threads, repeats: Int
  let recomputeEvery: Int?
  let precision: Precision
  let zoneout: Zoneout?
  let weightDrop: Float?

  /// Floating-point operations of a forward pass's products, 2 for a multiply-add.
  var inferenceOperations: Double {
    let first = Double(cell.multiplyAdds(inputSize: input, hiddenSize: hidden))
    let other = Double(cell.multiplyAdds(inputSize: directions * hidden, hiddenSize: hidden))
    return 2 * rows * (first + Double(layers - 1) * other)
  }

  /// Those of a training step. To each product of the forward pass the backward pass has one for the weights'
  /// gradient and one for the operand's, but for the first layer's input, whose gradient nobody asks for.
  var trainingOperations: Double {
    let read = cell.multiplyAdds(inputSize: input, hiddenSize: hidden)
    let unread = cell.multiplyAdds(inputSize: 0, hiddenSize: hidden)
    return 3 * inferenceOperations - 2 * rows * Double(read - unread)
  }

  /// The layers.
  private var size: StackSize {
    StackSize(inputSize: input, layers: layers, bidirectional: directions == 2)
  }

  // Of all directions.
  private var rows: Double { Double(steps) * Double(batch) * Double(directions) }

  /// What a training step takes.
  var memory: MemoryEstimate {
    MemoryEstimate(
      size, cell: cell, hidden: hidden, steps: steps, batch: batch, recomputeEvery: recomputeEvery)
  }

  /// Parameters of all layers.
  var parameters: Int {
    Int(size.parameters(cell, hidden: hidden))
  }

  /// Median milliseconds of a training and of an inference step, and the peak in operations per second;
  /// `progress` gets runs done and all runs.
  func measure(_ progress: (Int, Int) -> Void) -> (training: Double, inference: Double, peak: Double) {
    ThreadPool.shared.threads = threads
    let peak = InstructionSet.active.measurePeak(threads: threads, precision: precision)
    let stream = RandomStream(seed: 1, name: "bench")
    let recurrent = Recurrent(
      cell: cell, inputSize: input, hiddenSize: hidden, layers: layers, bidirectional: directions == 2,
      zoneout: zoneout, weightDrop: weightDrop, recomputeEvery: recomputeEvery, precision: precision,
      stream: stream.child("parameters"))
    let parameters = ParameterSet(recurrent)
    var numbers = stream.child("data")
    let x = numbers.uniform([steps, batch, input])
    let cotangent = numbers.uniform([steps, batch, directions * hidden], in: -1..<1)

    let total = 2 * (repeats + 1)
    var done = 0
    func median(_ step: (Int) -> Void) -> Double {
      let clock = ContinuousClock()
      var times: [Double] = []
      for run in 0...repeats {
        var time = clock.measure { step(run) }
        // Until memory has been touched and the threads have found their processors.
        if run == 0 { while time < .milliseconds(300) { time += clock.measure { step(run) } } }
        if run > 0 { times.append(time / .milliseconds(1)) }
        done += 1
        progress(done, total)
      }
      times.sort()
      let middle = times.count / 2
      return times.count % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2
    }
    let training = median { run in
      parameters.zeroGradients()
      let result = recurrent(x, context: .training(seed: 1, step: UInt64(run)))
      result.output?.backward(gradient: cotangent)
    }
    let inference = median { _ in withoutGradient { _ = recurrent(x) } }
    return (training, inference, peak)
  }
}

/// What a bench found.
struct BenchReport {
  let bench: Bench
  let training: Double
  let inference: Double
  /// Operations per second.
  let peak: Double

  /// Those that ran, which may be fewer than were asked for.
  private var threads: Int { ThreadPool.shared.threads }
  private var trainingRate: Double { bench.trainingOperations / training * 1e-6 }
  private var inferenceRate: Double { bench.inferenceOperations / inference * 1e-6 }
  private var peakRate: Double { peak * 1e-9 }

  /// The promised record.
  var record: JSONValue {
    let recomputeEvery: JSONValue = bench.recomputeEvery.map { .integer($0) } ?? .null
    return [
      "cell": .string(bench.cell.name), "steps": .integer(bench.steps), "batch": .integer(bench.batch),
      "input": .integer(bench.input), "hidden": .integer(bench.hidden), "layers": .integer(bench.layers),
      "bidirectional": .bool(bench.directions == 2), "threads": .integer(threads),
      "precision": .string(bench.precision.rawValue), "isa": .string("\(InstructionSet.active)"),
      "parameters": .integer(bench.parameters), "training_ms": .number(training),
      "inference_ms": .number(inference), "training_gflops": .number(trainingRate),
      "inference_gflops": .number(inferenceRate), "peak_gflops": .number(peakRate),
      "training_peak_share": .number(trainingRate / peakRate),
      "inference_peak_share": .number(inferenceRate / peakRate), "repeats": .integer(bench.repeats),
      "recompute_every": recomputeEvery,
      "zoneout": bench.zoneout.map { .string($0.description) } ?? .null,
      "weight_drop": bench.weightDrop.map { .number(Double($0.description) ?? Double($0)) } ?? .null,
      // The name of earlier versions, which a script may read.
      "checkpoint_every": recomputeEvery,
    ]
  }

  private var regularization: [String] {
    (bench.zoneout.map { ["zoneout \($0)"] } ?? []) + (bench.weightDrop.map { ["weight drop \($0)"] } ?? [])
  }

  /// Prints the numbers for people.
  func print() {
    let sizes =
      [
        Text.plural(bench.steps, "step"), "batch \(Text.count(bench.batch))",
        Text.plural(bench.input, "input"),
        "\(Text.count(bench.hidden)) hidden units",
        Text.plural(bench.layers, "layer") + (bench.directions == 2 ? " in both directions" : ""),
        Text.plural(threads, "thread"), "\(bench.precision.rawValue), \(InstructionSet.active)",
      ] + regularization
    Console.print("\n  \(Terminal.output.styled(bench.cell.name, .bold))  \(sizes.joined(separator: ", "))")
    Console.print("  \(Text.count(bench.parameters)) parameters\n")
    var table = Table([.left(""), .right("ms"), .right("GFLOP/s"), .right("of peak"), .right("sequences/s")])
    for (name, time, rate) in [
      ("training step", training, trainingRate), ("inference", inference, inferenceRate),
    ] {
      table.add([
        name, Text.number(time), Text.number(rate, digits: 3), Text.fixed(100 * rate / peakRate, 1) + " %",
        Text.number(Double(bench.batch) / time * 1000, digits: 3),
      ])
    }
    table.print()
    Console.print("\n  Medians of \(Text.plural(bench.repeats, "run")) after a warm-up.")
    Console.print("  Peak: \(Text.number(peakRate, digits: 3)) GFLOP/s, as measured just before.\n")
  }
}
