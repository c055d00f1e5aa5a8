import Cellgate

/// The differences of pairs of cells, for people.
enum DifferenceTable {
  /// Prints the differences of some comparisons that have any, with what they are of and how their numbers are written.
  static func print(
    _ comparisons: [(name: String, pairs: [PairedDifference])], of unit: String, number: (Double) -> String
  ) {
    let known = comparisons.map { ($0.name, $0.pairs.filter { $0.low != nil }) }.filter { !$0.1.isEmpty }
    guard !known.isEmpty else { return }
    Console.print(
      "\n  Differences in \(unit), seed by seed, with the 95 % interval of their mean (Student's t):\n")
    let hasNames = known.contains { !$0.0.isEmpty }
    var table = Table(
      (hasNames ? [.left("comparison")] : []) + [
        .left("cells"), .right("difference"), .left("95 % interval"), .right("seeds"), .left(""),
      ])
    for (name, pairs) in known {
      for (index, pair) in pairs.enumerated() {
        let texts = pair.texts(number)
        table.add(
          (hasNames ? [index == 0 ? name : ""] : []) + [
            "\(pair.cell) − \(pair.reference)", texts.difference, texts.interval, "\(pair.seeds.count)",
            texts.verdict,
          ])
      }
    }
    table.print()
  }
}
