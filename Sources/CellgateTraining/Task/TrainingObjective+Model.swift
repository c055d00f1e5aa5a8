import CellgateNN

extension TrainingObjective where Model == CellgateNN.Model {
  /// What a model makes of some inputs; the first one, and what comes out of each layer, is shown to the probe.
  package func outputs(
    _ model: Model, _ inputs: [(name: String, value: LayerValue)], _ context: ForwardContext,
    _ probe: TensorProbe?
  ) -> [LayerValue] {
    if let probe, let first = inputs.first { probe("input", first.name, first.value.tensor) }
    return model(
      inputs.map(\.value), context,
      probe: probe.map { probe in
        { name, values in for value in values { probe(name, "output", value.tensor) } }
      })
  }
}
