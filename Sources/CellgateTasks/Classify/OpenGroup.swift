import CellgateData
import CellgateFiles

/// The last sequence of a long table that comes piece by piece: more of its steps may follow.
struct OpenGroup {
  let column: String
  private var open: SequenceRows.Row?
  private var closed: Set<String> = []

  init(column: String) { self.column = column }

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
        own.numbers += row.numbers
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
