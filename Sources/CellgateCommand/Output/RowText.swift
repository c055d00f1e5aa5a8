import Cellgate

/// A cell's row in tables for people.
extension ComparisonRow {
  /// "0.0123 ± 0.0004 (1 diverged)".
  var valueText: String {
    var value = mean.map { Text.number($0) } ?? "–"
    if let spread { value += " ± \(Text.number(spread, digits: 2))" }
    if divergedRuns > 0 { value += runs > 0 ? " (\(divergedRuns) diverged)" : " diverged" }
    return value
  }

  /// "step 2,700 (3/3)", or that it was not solved.
  var solvedText: String { stepText(stepsToSolve, of: solvedRuns, no: "not solved") }

  /// The median of steps that were reached by so many runs.
  func stepText(_ median: Double?, of reached: Int, no: String = "not reached") -> String {
    let median = median.map { "step \(Text.count($0))" }
    if runs + divergedRuns <= 1 { return median ?? no }
    let share = "\(reached)/\(runs + divergedRuns)"
    return median.map { "\($0) (\(share))" } ?? "\(no) (\(share))"
  }
}
