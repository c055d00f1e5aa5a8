import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTraining

/// What `classify`, `multi-label` and `regress` recognise in a file, before anything is learned.
///
///     let summary = try DataSummary(settings, file: "reviews.csv")
///     summary.classes                      // [("no", 120), ("yes", 240)]
public struct DataSummary: Sendable {
  /// A column of a table.
  public struct Column: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Numbers or texts.
    public let kind: TableColumn.Kind
    /// How many values are missing.
    public let missing: Int
    /// How many different values there are.
    public let different: Int
  }

  /// The smallest, middle and largest of some numbers, and how many there are in bins of equal width.
  public struct Spread: Sendable, Equatable {
    /// The smallest, the median and the largest.
    public let least, median, most: Double
    /// The bins from `least` to `most`.
    public let bins: [Int]

    private static let most = 10

    init(_ numbers: [Double], whole: Bool) {
      let sorted = numbers.sorted()
      let (least, most) = (sorted.first ?? 0, sorted.last ?? 0)
      let places = whole ? min(Double(Self.most), most - least + 1) : Double(Self.most)
      let count = least == most ? 1 : max(1, Int(places))
      var bins = [Int](repeating: 0, count: count)
      let width = (most - least) / Double(count)
      for number in numbers {
        bins[width > 0 ? min(count - 1, Int((number - least) / width)) : 0] += 1
      }
      (self.least, self.most, self.bins) = (least, most, bins)
      median = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
  }

  /// The path.
  public let file: String
  /// How the table is written; nil of files of series.
  public let form: DataTable.Options?
  /// The rows of a table; of a file of series the series.
  public let tableRows: Int
  /// The sequences of all parts; the rows where the options don't say what a sequence is.
  public let rows: Int
  /// The columns of a table; none of files of series.
  public let columns: [Column]
  /// Sequences in the training, validation and test parts; nil where the options don't say what a sequence is.
  public let parts: (training: Int, validation: Int, test: Int)?
  /// The classes or labels with how many sequences have each; none of numbers that are to be found.
  public let classes: [(name: String, count: Int)]
  /// The numbers that are to be found; nil of classes.
  public let targets: Spread?
  /// The steps of the sequences: of texts the words or characters that count.
  public let lengths: Spread?
  /// How many numbers each step has; nil of texts.
  public let width: Int?
  /// How many words the training part makes known; nil of numbers.
  public let words: Int?
  /// How many numbers of the steps are missing.
  public let missing: Int
  /// What must be known of the parts; nil for nothing.
  public let remark: String?

  /// Reads a file as a run of `settings` would; of a table without `--label` the columns alone. Throws what is wrong with the file.
  public init(_ settings: TrainingSettings, file: String) throws(TaskDataError) {
    self.file = file
    let isTable =
      settings.text(ClassifyOptions.text) != nil || settings.list(ClassifyOptions.features) != nil
    let hasLabel = !ClassifyOptions.labelNames(settings).isEmpty
    let labels = SequenceRows.Label(task: settings.task)
    let isSeries = isTable ? false : try Self.isSeries(file)
    var tableRows: Int?
    if isSeries {
      (form, columns) = (nil, [])
    } else {
      let table: DataTable
      do throws(TableError) { table = try DataTable(file) } catch { throw .table(error) }
      form = table.options
      tableRows = table.rows
      columns = table.columns.map { column in
        Column(
          name: column.name, kind: column.kind, missing: column.missing,
          different: Set((0..<column.count).lazy.compactMap { column[$0] }).count)
      }
      if !isTable || !hasLabel {
        (self.tableRows, rows) = (table.rows, table.rows)
        (parts, classes, targets, lengths) = (nil, [], nil, nil)
        (width, words, missing, remark) = (nil, nil, 0, nil)
        return
      }
    }
    let read = try SequenceParts(settings, file, labels, model: nil)
    let all = read.training + (read.remark == nil ? read.validation : []) + read.test
    (rows, self.tableRows) = (all.count, tableRows ?? all.count)
    parts = (read.training.count, read.remark == nil ? read.validation.count : 0, read.test.count)
    let encoder = read.encoder
    var counts: [String: Int] = [:]
    for row in all {
      for label in labels == .sets ? row.labels : [row.label ?? ""] { counts[label, default: 0] += 1 }
    }
    let known = Set(encoder.labels)
    classes =
      labels == .numbers
      ? []
      : (encoder.labels + counts.keys.filter { !known.contains($0) }.sorted()).map { ($0, counts[$0] ?? 0) }
    targets = labels == .numbers ? Spread(all.compactMap(\.target), whole: false) : nil
    lengths = Spread(
      all.map { row in
        Double(row.text.map { encoder.tokens(of: $0).count } ?? row.numbers.count / max(1, read.width ?? 1))
      }, whole: true)
    width = read.width
    words = encoder.preprocessing.words?.count
    missing = all.reduce(0) { $0 + $1.numbers.count { $0.isNaN } }
    remark = read.remark
  }

  /// Whether a file is one of series, whose rows begin with a class that numbers follow, or else has no columns.
  private static func isSeries(_ file: String) throws(TaskDataError) -> Bool {
    if TSFile.isOne(file) || FolderRows.isOne(file) || ArrayRows.isOne(file) { return true }
    do throws(TableError) {
      let table = try DataTable(file)
      return table.options.hasHeader == false && table.columns.count > 2
        && table.columns.dropFirst().allSatisfy { $0.kind == .numbers }
    } catch { throw .table(error) }
  }
}
