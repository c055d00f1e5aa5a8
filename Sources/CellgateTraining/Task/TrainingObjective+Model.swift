import CellgateNN

extension TrainingObjective where Model == CellgateNN.Model {
  /// What a model makes of some inputs; the first one under a name, and what comes out of each layer, is shown to the probe.
  package func outputs(
    _ model: Model, _ inputs: [LayerValue], named name: String, _ context: ForwardContext,
    _ probe: TensorProbe?
  ) -> [LayerValue] {
    if let probe, let first = inputs.first { probe("input", name, first.tensor) }
    return model(
      inputs, context,
      probe: probe.map { probe in
        { name, values in for value in values { probe(name, "output", value.tensor) } }
      })
  }
}
