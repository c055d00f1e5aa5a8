/// What was seen of a layer in one training step: how large its memory is, how far its gates are saturated, and how
/// its gradients fare.
///
/// The gates are the sigmoids of the cell's graph. Its memory products are the products, by a matrix or elementwise
/// by a vector, that read a state which is not the output, such as W_ic c_{t−1} or W_oc c_t; u is such a product's
/// value before any tanh. Means and shares are over all valid steps, sequences and units. (Landi et al. 2021,
/// https://arxiv.org/abs/2109.00020, on why they matter.)
public struct CellObservation: Sendable, Equatable {
  /// A number that is watched.
  public enum Quantity: String, Sendable, CaseIterable {
    /// The mean of |s_t| of a state s.
    case meanAbsState = "mean_abs_state"
    /// The mean of |u| of a memory product.
    case meanAbsMemory = "mean_abs_memory"
    /// The share of |tanh u| > 0.95 of a memory product, whether or not the cell takes that tanh.
    case saturatedMemory = "saturated_memory"
    /// The share of a gate's values outside [0.05, 0.95].
    case saturatedGate = "saturated_gate"
    /// The norm of the loss's gradient with respect to the weights of a memory product.
    case memoryGradientNorm = "memory_gradient_norm"
  }

  /// A quantity of one state, gate or memory product.
  public struct Value: Sendable, Equatable {
    /// Which quantity it is.
    public var quantity: Quantity
    /// The state, the gate, or the gate that the memory product feeds.
    public var name: String
    /// The value.
    public var value: Double
  }

  /// How gradients vanish or grow on their way back through time.
  public struct StateGradient: Sendable, Equatable {
    /// The state's name.
    public var state: String
    /// ‖dL/ds_t‖ over all sequences and units, for each of the T times of the sequence. A change of s_t is seen by
    /// the equations below it in the same step, and by the next step.
    public var norms: [Double]
  }

  /// Of the states, memory products and gates, in the order of the equations.
  public var values: [Value]
  /// Of each state, in the cell's order.
  public var stateGradients: [StateGradient]

  /// The same without the states that only a derived cell has, such as the mask of recurrent dropout: of these states, and
  /// of all gates and memory products.
  package func restricted(to states: [String]) -> CellObservation {
    CellObservation(
      values: values.filter { $0.quantity != .meanAbsState || states.contains($0.name) },
      stateGradients: stateGradients.filter { states.contains($0.state) })
  }
}
