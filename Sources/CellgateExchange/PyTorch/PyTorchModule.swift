import CellgateCells
import CellgateNN
import CellgateTensor

/// PyTorch's module for a cell that it has: its names, and how its parameters come from the cell's own.
struct PyTorchModule {
  /// The class in `torch.nn`.
  let name: String
  /// Options besides sizes, layers and directions: `nonlinearity="relu"`.
  let options: String
  /// PyTorch's names of parameters, and what each is made of: the cell of Cellgate's that it belongs to and the parameter
  /// there, or zeros.
  private let parameters: [(name: String, source: String, isZero: Bool)]
  private let cell: Cell
  private let retrofit: Retrofit?

  /// The module of a cell with the same equations as one of PyTorch's, whatever it is called; nil where there is none.
  init?(_ cell: Cell) {
    let lstm = [("weight_ih", "weight_ih", false), ("weight_hh", "weight_hh", false)]
    let biases = [("bias_ih", "bias", false), ("bias_hh", "bias", true)]
    let known: [(Cell, String, String, [(String, String, Bool)])] = [
      (.lstm, "LSTM", "", lstm + biases),
      (
        .projectedLSTM, "LSTM", "proj_size",
        lstm + biases + [("weight_hr", "weight_hr", false)]
      ),
      (.gru, "GRU", "", lstm + [("bias_ih", "bias_ih", false), ("bias_hh", "bias_hh", false)]),
      (.rnnTanh, "RNN", "", lstm + biases), (.rnnReLU, "RNN", "nonlinearity=\"relu\"", lstm + biases),
    ]
    for (own, name, options, parameters) in known {
      guard own.states.count == cell.states.count, own.stateSizes == cell.stateSizes else { continue }
      let retrofit: Retrofit?
      if own.isSame(as: cell) {
        retrofit = nil
      } else {
        // The same equations with the gates in another order are those of the module, too.
        guard let found = try? Retrofit(from: cell, to: own), found.states == Array(found.states.indices),
          found.sources.joined().allSatisfy({ if case .old = $0 { true } else { false } }),
          Set(found.sources.joined()).count == cell.parameters.reduce(0, { $0 + $1.gates.count })
        else { continue }
        retrofit = found
      }
      self.name = name
      self.options = options
      self.parameters = parameters
      self.cell = own
      self.retrofit = retrofit
      return
    }
    return nil
  }

  /// The parameters of one layer and direction, whose names in `state` begin with `prefix` and end with `suffix`.
  func tensors(_ state: StateDictionary, _ prefix: String, _ suffix: String) -> [(
    name: String, tensor: Tensor
  )] {
    parameters.compactMap { name, source, isZero in
      guard let index = cell.parameters.firstIndex(where: { $0.name == source }) else { return nil }
      let tensor: Tensor?
      if let retrofit {
        let definition = cell.parameters[index]
        let blocks = retrofit.sources[index].compactMap { source -> Tensor? in
          guard case .old(let parameter, let gate) = source else { return nil }
          let old = retrofit.old.parameters[parameter]
          guard let whole = state[prefix + old.name + suffix] else { return nil }
          let rows = whole.shape[0] / old.gates.count
          return whole[gate * rows..<(gate + 1) * rows]
        }
        tensor =
          blocks.count == definition.gates.count
          ? (blocks.count == 1 ? blocks[0] : concatenated(blocks, axis: 0)) : nil
      } else {
        tensor = state[prefix + source + suffix]
      }
      return tensor.map { (name + suffix, isZero ? .zeros($0.shape) : $0) }
    }
  }
}
