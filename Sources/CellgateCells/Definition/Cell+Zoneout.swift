extension Cell {
  /// This cell with zoneout (Krueger et al. 2017, https://arxiv.org/abs/1606.01305): a unit of a state keeps its value at
  /// t−1 with the state's probability, of `rates` in 0 ..< 1.
  ///
  ///     s_t = z_t ⊙ s_{t−1} + (1 − z_t) ⊙ s̃_t
  ///
  /// s̃ is what the cell's equations give, and what they read of a state's value at t. With `draws` z is a noise of the
  /// cell (see ``CellNoise``), 1 or 0 for each step, sequence and unit; without it is the rate itself, which gives the
  /// expected value. A state of rate 0 is left as it is.
  package func zoningOut(_ rates: [Float], draws: Bool) -> Cell {
    var (graph, next, noises) = (self.graph, self.next, self.noises)
    for (state, rate) in rates.enumerated() where rate > 0 {
      let size = graph.sizes[next[state]]
      let old = graph.add(.state(state), size: size)
      let keeps: NodeID, renews: NodeID
      if draws {
        keeps = graph.add(.noise(noises.count), size: size)
        renews = graph.add(.subtract, [graph.add(.constant(1)), keeps])
        noises.append(NoiseDefinition(name: states[state], size: stateSizes[state], probability: rate))
      } else {
        keeps = graph.add(.constant(Double(rate)))
        renews = graph.add(.constant(1 - Double(rate)))
      }
      let kept = graph.add(.multiply, [keeps, old]), renewed = graph.add(.multiply, [renews, next[state]])
      next[state] = graph.add(.add, [kept, renewed])
    }
    return Cell(
      deriving: self, name: name + (draws ? " with zoneout" : " with expected zoneout"), states: states,
      stateSizes: stateSizes, graph: graph,
      next: next, proposed: proposed, names: names, noises: noises)
  }
}
