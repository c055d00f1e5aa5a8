import CellgateNN
import CellgateTensor
import Testing

extension VectorFile {
  /// Layers with parameters of their own.
  static let layers: [String: Apply] = [
    // Sequences [B, T, D] are [T, B, D] here.
    "transformer_encoder_layer": { file in
      let activation = try #require(file.vector.activation.flatMap { Activation(rawValue: $0) })
      let layer = TransformerEncoderLayer(
        heads: try #require(file.vector.heads), feedForward: try file.input("linear1.bias").count,
        activation: activation, normFirst: file.vector.normFirst ?? false,
        isCausal: file.vector.causal ?? false)
      layer.build([.sequence(try file.input("linear2.bias").count)], Self.context)
      let lengths =
        file.names("arg.").contains("lengths")
        ? SequenceMask.lengths(try file.integers("lengths").map { Int($0) }) : nil
      var parts: [String: Part] = [
        "self_attn.out_proj.weight": .whole("self_attn.output.weight"),
        "self_attn.out_proj.bias": .whole("self_attn.output.bias"),
      ]
      for kind in ["weight", "bias"] {
        parts["self_attn.in_proj_\(kind)"] = .parts(
          ["query", "key", "value"].map { "self_attn.\($0).\(kind)" })
      }
      return try file.apply(layer, parts) { x in
        let y = layer([LayerValue(x.permuted([1, 0, 2]), mask: lengths)], .inference())[0].tensor
        return y.permuted([1, 0, 2])
      }
    },
    // Sequences [N, C, L] are [L, N, C] here.
    "batch_norm": { file in
      let layer = BatchNormalization(epsilon: file.vector.epsilon ?? 1e-5)
      layer.build([.sequence(try file.input("bias").count)], Self.context)
      for case .buffer(let name, let buffer) in layer.members {
        buffer.assign(try file.tensor("arg.\(name)") { Float($0) })
      }
      let context = file.vector.training == true ? ForwardContext.training(seed: 1, step: 0) : .inference()
      return try file.apply(layer, [:]) { x in
        layer([LayerValue(x.permuted([2, 0, 1]))], context)[0].tensor.permuted([1, 2, 0])
      }
    },
  ]

  private static var context: BuildContext {
    BuildContext(name: "layer", stream: RandomStream(seed: 1, name: "layer"))
  }

  /// What a tensor of PyTorch's is here: a parameter, or several one after another.
  private enum Part {
    case whole(String)
    case parts([String])

    var names: [String] {
      switch self {
      case .whole(let name): [name]
      case .parts(let names): names
      }
    }
  }

  /// The output of a layer with the case's parameters for its input `x`, through which gradients flow back to the case's.
  private func apply(
    _ layer: any Layer, _ parts: [String: Part], _ body: (Tensor) -> Tensor
  ) throws -> Tensor {
    let own = Dictionary(layer.namedParameters().map { ($0.name, $0.parameter) }) { first, _ in first }
    let x = Parameter(try input("x").detached)
    var targets: [[Parameter]] = []
    for (name, given) in parameters {
      let names = (parts[name] ?? .whole(name)).names
      let found = name == "x" ? [x] : try names.map { try #require(own[$0], "\(vector.file): no \($0)") }
      let pieces = given.value.split(parts: found.count, axis: 0)
      for (parameter, piece) in zip(found, pieces) where name != "x" { parameter.assign(piece) }
      targets.append(found)
    }
    #expect(Set(own.keys).count == targets.flatMap { $0 }.count - 1, "every parameter has a value")
    let y = body(x.tensor)
    return RecordedOperation.record(
      vector.operation, inputs: parameters.map(\.parameter.tensor), outputs: [y.detached]
    ) { gradients, _ in
      if let gradient = gradients[0] { y.backward(gradient: gradient) }
      return targets.map { concatenated($0.map(\.gradient), axis: 0) }
    }[0]
  }
}
