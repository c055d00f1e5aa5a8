import ArgumentParser
import Cellgate

/// Options for what runs write into their folders on the way.
struct RecordingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Save what is needed to continue every n updates too, not only once a minute. Changes no result.",
      valueName: "n"))
  var saveEvery: WholeNumber?

  @Flag(
    name: .customLong("tensorboard"),
    help: "Write scalars for TensorBoard into the folder (tensorboard --logdir DIR). Changes no result.")
  var tensorBoard = false

  @Flag(
    help: "Observe gates, memory and gradients at every 100th update, and draw them. Changes no result.")
  var diagnostics = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Observe at every n-th update instead, from the first on.", valueName: "n"))
  var diagnosticsEvery: WholeNumber?

  /// What was typed; mistakes are noted.
  func recording(_ problems: inout OptionProblems) -> RunRecording {
    let interval: Int? = problems.whole("--diagnostics-every", diagnosticsEvery, in: 1...Int.max)
    return RunRecording(
      checkpointSteps: problems.whole("--save-every", saveEvery, in: 1...Int.max),
      writesTensorBoard: tensorBoard, diagnosticsEvery: interval ?? (diagnostics ? Self.usualInterval : nil))
  }

  private static let usualInterval = 100
}
