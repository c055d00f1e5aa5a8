import ArgumentParser
import Cellgate
import CellgateBasics

/// The command `cellgate`.
struct CellgateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cellgate",
    abstract: "Train, compare and inspect recurrent cells: RNN, GRU, LSTM, LSTM-WM and others.",
    discussion: """
      A recurrent cell reads a sequence step by step and keeps a memory. Cellgate trains such cells on tasks \
      that test how well they remember, and shows how they differ. New here? Type the first line below: it \
      trains three cells side by side and takes about two minutes.

      EXAMPLES:
        cellgate compare adding           watch three cells learn the same task
        cellgate cells lstm-wm            the equations of a cell
        cellgate reproduce adding         the paper's experiment on it
        cellgate train adding --cell gru  train one cell into a folder below runs/
      """,
    version: CellgateVersion.current,
    subcommands: [
      CompareCommand.self, ReproduceCommand.self, MergeCommand.self, TrainCommand.self,
      EvaluateCommand.self, PredictCommand.self,
      GenerateCommand.self, CaptionCommand.self, TranslateCommand.self, TranscribeCommand.self,
      ScoreCommand.self, SummaryCommand.self, ImportCommand.self,
      ExportCommand.self,
      RetrofitCommand.self, ReportCommand.self,
      CellsCommand.self, DiagnoseCommand.self, BenchCommand.self, FeaturesCommand.self, DataCommand.self,
      MemoryCommand.self,
    ])
}

/// Starts the command and turns every error into a line on standard error and an exit code.
@main
enum Main {
  static func main() {
    StandardStreams.open()
    Interruption.ignoreFailingWrites()
    RefusedMemory.endInOneLine()
    let arguments = Array(CommandLine.arguments.dropFirst())
    var status = execute(arguments)
    ThreadNotice.print()
    if let code = Console.outputFailure {
      Console.printError("cellgate: standard output: \(Console.reason(code))")
      if status == 0 { status = CommandFailure.Code.inputOutput.rawValue }
    }
    exit(status)
  }

  private static func execute(_ arguments: [String]) -> Int32 {
    do {
      try Arguments.check()
      let known = CellgateCommand.configuration.subcommands.map { $0._commandName } + ["help"]
      if let first = arguments.first, !first.hasPrefix("-"), !known.contains(first) {
        throw CommandFailure(.usage, Names.unknown("command", first, known: known))
      }
      var command = try CellgateCommand.parseAsRoot(arguments)
      try command.run()
      return 0
    } catch {
      return report(error, arguments)
    }
  }

  private static func report(_ error: any Error, _ arguments: [String]) -> Int32 {
    if let failure = CommandFailure(error) {
      for line in failure.lines { Console.printError("cellgate: " + line) }
      if let excerpt = failure.excerpt, !arguments.contains("--json") {
        for line in excerpt.split(separator: "\n") { Console.printError("    " + line) }
      }
      return failure.status
    }
    // Help, the version, and what the parser of arguments has to say.
    let code = CellgateCommand.exitCode(for: error)
    if code.isSuccess {
      Console.print(CellgateCommand.fullMessage(for: error))
    } else {
      let message = CellgateCommand.message(for: error).split(whereSeparator: \.isNewline)
        .map { $0.trimmed }.joined(separator: " ")
      Console.printError("cellgate: " + message)
    }
    return code.rawValue
  }
}
