import CellgateData
import CellgateFiles

/// The last sequence of a long table that comes piece by piece: more of its steps may follow.
struct OpenGroup {
  let column: String
  /// Where a step has the time since the step before, if it does.
  private let gapPlace: Int
  private var open: SequenceRows.Row?
  private var closed: Set<String> = []

  /// Of the sequences that `column` names, with so many features.
  init(column: String, features: Int) { (self.column, gapPlace) = (column, features) }

  /// The sequence that is still open, once the table has ended.
  var last: SequenceRows.Row? { open }

  /// Takes the sequences of a piece in their order; those that another one follows are whole. Throws for one that goes on after
  /// another has begun.
  mutating func closed(by rows: [SequenceRows.Row], in table: DataTable) throws(TaskDataError)
    -> [SequenceRows.Row]
  {
    var whole: [SequenceRows.Row] = []
    for row in rows {
      if var own = open, own.id == row.id {
        let start = own.numbers.count
        own.numbers += row.numbers
        // The time since the step before is the last number of a step.
        if let (before, now) = own.times.flatMap({ before in row.times.map { (before, $0) } }) {
          own.numbers[start + gapPlace] = Float(now.first - before.last)
          own.times = (before.first, now.last)
        }
        open = own
        continue
      }
      if let own = open {
        closed.insert(own.id)
        whole.append(own)
      }
      guard !closed.contains(row.id) else {
        throw .table(
          .value(
            file: table.file, line: row.line, column: column,
            expected: "the rows of a sequence one after the other", found: row.id))
      }
      open = row
    }
    return whole
  }
}
