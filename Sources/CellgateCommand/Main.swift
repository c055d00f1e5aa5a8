import ArgumentParser
import Cellgate

@main
struct CellgateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "cellgate")
}
