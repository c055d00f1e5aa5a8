import Cellgate
import CellgateBasics
import CellgateFiles

/// What commands take for a cell: the name of one of this program's, or a `.cell` file.
enum CellArgument {
  /// What help texts say.
  static let help = "The cell: a name, see 'cellgate cells', or a .cell file."
  static let listHelp =
    "The cells, with commas between: names, see 'cellgate cells', or .cell files; 'all' is every other cell of this program."

  /// The cell in the file that the argument names; nil where it is the name of a cell, known or not.
  static func file(_ argument: String) throws(CommandFailure) -> Cell? {
    guard isFile(argument) else { return nil }
    do throws(CellTextError) { return try Cell(contentsOf: argument) } catch { throw CommandFailure(error) }
  }

  private static func isFile(_ argument: String) -> Bool {
    if Cell.named(argument) != nil { return false }
    if argument.hasSuffix(".cell") || argument.contains("/") { return true }
    return FileManager.default.fileExists(atPath: argument) && !Paths.isFolder(argument)
  }

  /// What stands in a list for every cell of this program that the list doesn't name.
  private static let everyOther = "all"

  /// The cells of a list: their names, and the texts of those that come from files. `recorded` are the texts that a
  /// folder which is continued has; their names mean them.
  static func list(
    _ argument: String, recorded: [String]
  ) throws(CommandFailure) -> (names: [String], texts: [String]?) {
    let known = recorded.compactMap { try? Cell(text: $0) }
    var (names, texts): ([String], [String]) = ([], [])
    let items = argument.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmed }
    let others = Cell.all.map(\.name).filter { !items.contains($0) }
    for item in items.flatMap({ $0 == everyOther ? others : [$0] }) {
      if let cell = known.first(where: { $0.name == item }) {
        names.append(item)
        texts.append(cell.text)
        continue
      }
      guard let cell = try file(item) else {
        names.append(item)
        continue
      }
      if let other = Cell.named(cell.name), !other.isSame(as: cell) {
        throw CommandFailure(
          .data,
          "\(quotedName(item)): expected a name of its own, found '\(cell.name)', a cell of this program with other "
            + "equations or starts")
      }
      names.append(cell.name)
      texts.append(cell.text)
    }
    return (names, texts.isEmpty ? nil : texts)
  }
}

extension OptionProblems {
  /// The cell of this name or in this file, nil after noting that there is none.
  mutating func cell(_ argument: String) throws(CommandFailure) -> Cell? {
    if let cell = try CellArgument.file(argument) { return cell }
    if let cell = Cell.named(argument) { return cell }
    add(Names.unknown("cell", argument, known: Cell.all.map(\.name)))
    return nil
  }
}
