import CellgateCells
import CellgateFiles

/// What was observed of a model's layers in one update.
package final class LayerObservations {
  /// Updates made before.
  package let step: Int
  /// In the order in which the backward pass came to them.
  private(set) var layers: [(layer: String, observation: CellObservation)] = []

  package init(step: Int) { self.step = step }

  package func add(_ layer: String, _ observation: CellObservation) { layers.append((layer, observation)) }
}

/// The observations of a run's recurrent layers, in `diagnostics.csv` and `gradients.csv`. No times are in them: a
/// resumed run has the same bytes as one never interrupted.
package final class DiagnosticsLog {
  /// How far the files are, and how they go on.
  package struct Position: Equatable {
    /// Updates between two observations.
    package var every: Int
    /// Rows of `diagnostics.csv` and of `gradients.csv`.
    package var rows = 0, gradientRows = 0
  }

  package static let header = ["step", "layer", "quantity", "name", "value"]
  package static let gradientsHeader = ["step", "layer", "state", "t", "norm"]
  /// Of longer sequences each n-th time is written alone, counted so that the last one is among them.
  package static let mostTimes = 128

  /// Updates between two observations.
  package let every: Int
  private let values: CSVWriter
  private let gradients: CSVWriter

  /// The files as a checkpoint knows them, read and found whole, so that they can be drawn when the run ends.
  package struct Saved {
    package let every: Int
    package let values: RunTable, gradients: RunTable

    /// Reads the files of a run that was saved after `step` updates; nil without diagnostics.
    package init?(_ directory: RunDirectory, at position: Position?, step: Int) throws(RunError) {
      guard let position else { return nil }
      every = position.every
      values = try RunTable(
        directory.diagnosticsFile, header: DiagnosticsLog.header,
        keeping: .init(rows: position.rows, most: step - 1))
      gradients = try RunTable(
        directory.gradientsFile, header: DiagnosticsLog.gradientsHeader,
        keeping: .init(rows: position.gradientRows, most: step - 1))
      _ = (try RunDiagnostics.values(values), try RunDiagnostics.norms(gradients))
    }
  }

  /// The log of a run, continued after what was saved, if there is that; nil when there is not and `every` is nil.
  package init?(_ directory: RunDirectory, every: Int?, continuing saved: Saved? = nil) throws(RunError) {
    guard let every = every ?? saved?.every else { return nil }
    self.every = every
    do throws(CSVError) {
      values = try CSVWriter(
        continuing: directory.diagnosticsFile, as: saved?.values.table ?? CSVTable(header: Self.header))
      gradients = try CSVWriter(
        continuing: directory.gradientsFile,
        as: saved?.gradients.table ?? CSVTable(header: Self.gradientsHeader))
    } catch { throw .metrics(error) }
  }

  /// What collects the observations of an update, if it is one that is observed.
  package func observations(at step: Int) -> LayerObservations? {
    step % every == 0 ? LayerObservations(step: step) : nil
  }

  /// Appends the rows of an update.
  package func append(_ observations: LayerObservations) throws(RunError) {
    let step = "\(observations.step)"
    do throws(CSVError) {
      for (layer, observation) in observations.layers {
        for value in observation.values {
          try values.append([step, layer, value.quantity.rawValue, value.name, "\(value.value)"])
        }
        for gradient in observation.stateGradients {
          let count = gradient.norms.count
          let stride = (count + Self.mostTimes - 1) / Self.mostTimes
          for (index, norm) in gradient.norms.enumerated() where (count - 1 - index) % stride == 0 {
            try gradients.append([step, layer, gradient.state, "\(index + 1)", "\(norm)"])
          }
        }
      }
    } catch { throw .metrics(error) }
  }

  /// Waits until all rows are on the disk, and returns how far they are.
  package func synced() throws(RunError) -> Position {
    do throws(CSVError) {
      try values.sync()
      try gradients.sync()
    } catch { throw .metrics(error) }
    return Position(every: every, rows: values.rows, gradientRows: gradients.rows)
  }
}
