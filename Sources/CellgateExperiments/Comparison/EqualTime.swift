import CellgateTraining

/// What cells reach in the same time of training: the time that the fastest of them takes for its runs.
///
/// A run has been trained for as many seconds as its updates have taken so far, evaluations not counted.
struct EqualTime {
  /// Seconds of updates of the cell whose runs take the fewest, their mean; nil before a run is complete.
  let seconds: Double?

  /// The time of the cells whose runs are those.
  init(_ cells: [[RunQueue.Ended]]) {
    seconds =
      cells.compactMap { ends in
        Statistics.mean(ends.compactMap(\.result).map { Double($0.steps) * $0.msPerStep / 1000 })
      }.min()
  }

  /// The best metric on the validation data by then, the mean over the complete runs that were evaluated by then; nil without
  /// any.
  func value(_ ends: [RunQueue.Ended], lowerIsBetter: Bool) -> Double? {
    guard let seconds else { return nil }
    return Statistics.mean(
      ends.compactMap { end in
        guard let result = end.result else { return nil }
        // A run's own last record is in time, whatever rounding makes of it.
        let values = end.records.filter { Double($0.step) * result.msPerStep / 1000 <= seconds * 1.0001 }
          .map(\.validation.value)
        return lowerIsBetter ? values.min() : values.max()
      })
  }
}
