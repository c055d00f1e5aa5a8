import CellgateData
import CellgateTraining

extension TrainingSettings {
  /// What the model that training goes on from knows of its data; nil where training starts anew, or of a model of no data.
  var sourcePreprocessing: Preprocessing? {
    from.flatMap { try? ModelFile.metadata(of: $0.path) }.flatMap { try? Preprocessing(metadata: $0) }
  }
}
