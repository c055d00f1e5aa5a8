import CellgateFiles
import CellgateNN
import CellgateTensor

extension ONNXBuilder {
  /// Adds the nodes of a layer; the results are its outputs.
  mutating func add(
    _ layer: LayerDescription, _ inputs: [Value], _ shapes: [LayerShape]
  ) throws(ExportError) -> [Value] {
    guard var value = inputs.first else { throw unsupported(layer.name, "expected inputs, found none") }
    let name = layer.name
    switch layer.options {
    case let options as RecurrentOptions: return try recurrent(name, options, inputs, shapes)
    case let options as Bidirectional.Options: return try bidirectional(name, options, inputs, shapes)
    case let options as Embedding.Options:
      let table = try tensor(name, "weight")
      let weight = numbers(name + ".weight", table.scalars, table.shape)
      if options.maskZero, value.shape.isSequence {
        let zero = integers([0], dims: [])
        let padding = node("Equal", [value.name, zero], name + ".padding")
        value.mask = both(value.mask, .flags(node("Not", [padding], name + ".valid")))
      }
      return [Value(name: node("Gather", [weight, value.name], name), shape: shapes[0], mask: value.mask)]
    case let options as Dense.Options:
      let weight = try tensor(name, "weight")
      let matrix = numbers(
        name + ".weight", ONNXImporter.transposed(weight.scalars, weight.shape[0], weight.shape[1]),
        [weight.shape[1], weight.shape[0]])
      var result = node("MatMul", [value.name, matrix], name)
      if options.useBias {
        let bias = try tensor(name, "bias")
        result = node("Add", [result, numbers(name + ".bias", bias.scalars, bias.shape)], name)
      }
      return [
        Value(name: activated(options.activation, result, name), shape: shapes[0], mask: value.mask)
      ]
    case let options as ActivationLayer.Options:
      return [
        Value(name: activated(options.activation, value.name, name), shape: shapes[0], mask: value.mask)
      ]
    case let options as LayerNormalization.Options:
      let (weight, bias) = (try tensor(name, "weight"), try tensor(name, "bias"))
      let inputs = [
        value.name, numbers(name + ".weight", weight.scalars, weight.shape),
        numbers(name + ".bias", bias.scalars, bias.shape),
      ]
      let attributes = [
        ONNXAttribute("axis", .integer(-1)), ONNXAttribute("epsilon", .float(options.epsilon)),
      ]
      return [
        Value(name: node("LayerNormalization", inputs, name, attributes), shape: shapes[0], mask: value.mask)
      ]
    case let options as TimeDistributed.Options:
      var inner = options.layer
      inner.name = name
      let whole = ["dense", "activation", "layer_normalization", "dropout", "embedding"]
      guard whole.contains(inner.kind) else {
        throw unsupported(name, "expected a layer of one step's numbers, found \(inner.kind)")
      }
      return try add(inner, inputs, shapes)
    case let options as Masking.Options:
      let number = number(options.maskValue)
      let equal = node("Equal", [value.name, number], name + ".equal")
      let differs = node(
        "Cast", [node("Not", [equal], name + ".not")], name + ".differs", [ONNXAttribute("to", .integer(1))])
      let any = node(
        "ReduceMax", [differs], name + ".any",
        [ONNXAttribute("axes", .integers([-1])), ONNXAttribute("keepdims", .integer(0))])
      let flags = node("Cast", [any], name + ".valid", [ONNXAttribute("to", .integer(9))])
      value.mask = both(value.mask, .flags(flags))
      value.last = nil
      return [value]
    case let options as RepeatVector.Options:
      let whole = node("Unsqueeze", [value.name, integers([0])], name)
      let target = integers([options.n] + shapes[0].features.map { _ in 1 } + [1])
      return [Value(name: node("Expand", [whole, target], name), shape: shapes[0])]
    default: return try plain(layer, inputs, shapes)
    }
  }

  /// Layers that are known by their kind.
  private mutating func plain(
    _ layer: LayerDescription, _ inputs: [Value], _ shapes: [LayerShape]
  ) throws(ExportError) -> [Value] {
    let (name, value) = (layer.name, inputs[0])
    func merged(_ operation: String) -> [Value] {
      var (result, mask) = (inputs[0].name, inputs[0].mask)
      for input in inputs.dropFirst() {
        result = node(operation, [result, input.name], name)
        mask = both(mask, input.mask)
      }
      return [Value(name: result, shape: shapes[0], mask: mask)]
    }
    switch layer.kind {
    case Dropout.kind: return [value]
    case LastStep.kind: return [Value(name: last(value, name), shape: shapes[0])]
    case Reverse.kind:
      if let before = value.unreversed {
        return [Value(name: before.name, shape: shapes[0], mask: before.mask)]
      }
      let backwards = integers([-1]), start = integers([-1]), end = integers([Int(Int32.min)])
      let axis = integers([0])
      let result = node("Slice", [value.name, start, end, axis, backwards], name)
      let mask = value.mask.map { mask -> Mask in
        .flags(node("Slice", [flags(mask), start, end, axis, backwards], name + ".valid"))
      }
      return [Value(name: result, shape: shapes[0], mask: mask)]
    case Concatenate.kind:
      var mask = inputs[0].mask
      for input in inputs.dropFirst() { mask = both(mask, input.mask) }
      let result = node("Concat", inputs.map(\.name), name, [ONNXAttribute("axis", .integer(-1))])
      return [Value(name: result, shape: shapes[0], mask: mask)]
    case Add.kind: return merged("Add")
    case Multiply.kind: return merged("Mul")
    case Flatten.kind:
      let leading = value.shape.isSequence ? [0, 0] : [0]
      let count = shapes[0].features.first ?? 1
      return [
        Value(
          name: node("Reshape", [value.name, integers(leading + [count])], name), shape: shapes[0],
          mask: value.mask)
      ]
    case GlobalAveragePooling1D.kind, GlobalMaxPooling1D.kind:
      return [
        Value(name: pooled(value, name, isMax: layer.kind == GlobalMaxPooling1D.kind), shape: shapes[0])
      ]
    default:
      throw unsupported(name, "expected a layer that ONNX files can hold, found \(quotedName(layer.kind))")
    }
  }

  /// An activation's output.
  mutating func activated(_ activation: Activation, _ input: String, _ name: String) -> String {
    let last = [ONNXAttribute("axis", .integer(-1))]
    switch activation {
    case .linear: return input
    case .sigmoid: return node("Sigmoid", [input], name)
    case .tanh: return node("Tanh", [input], name)
    case .relu: return node("Relu", [input], name)
    case .softplus: return node("Softplus", [input], name)
    case .softmax: return node("Softmax", [input], name, last)
    case .logSoftmax: return node("LogSoftmax", [input], name, last)
    case .elu: return node("Elu", [input], name)
    case .selu: return node("Selu", [input], name)
    case .softsign: return node("Softsign", [input], name)
    case .hardSigmoid:
      return node(
        "HardSigmoid", [input], name,
        [ONNXAttribute("alpha", .float(1.0 / 6)), ONNXAttribute("beta", .float(0.5))])
    case .exponential: return node("Exp", [input], name)
    case .leakyReLU: return node("LeakyRelu", [input], name, [ONNXAttribute("alpha", .float(0.2))])
    case .silu: return node("Mul", [input, node("Sigmoid", [input], name + ".sigmoid")], name)
    case .gelu:
      // x Φ(x) = x · ½ (1 + erf(x / √2)).
      let root = number(Float(2).squareRoot()), one = number(1), half = number(0.5)
      let erf = node("Erf", [node("Div", [input, root], name + ".scaled")], name + ".erf")
      let share = node("Mul", [node("Add", [erf, one], name + ".sum"), half], name + ".share")
      return node("Mul", [input, share], name)
    }
  }

  /// Flags [T, B] for values of more dimensions.
  private mutating func column(_ flags: String, _ shape: LayerShape) -> String {
    let axes = shape.features.indices.map { 2 + $0 }
    return axes.isEmpty ? flags : node("Unsqueeze", [flags, integers(axes)], "valid_column")
  }

  /// The last valid step of each sequence, 0 where there is none.
  mutating func last(_ value: Value, _ name: String) -> String {
    if let last = value.last { return last }
    guard let mask = value.mask else {
      let index = integers([-1], dims: [])
      return node("Gather", [value.name, index], name, [ONNXAttribute("axis", .integer(0))])
    }
    let flags = flags(mask)
    let count = node("Squeeze", [stepCount, integers([0])], "step_count")
    let range = node("Range", [integers([0], dims: []), count, integers([1], dims: [])], "steps")
    let steps = node("Unsqueeze", [range, integers([1])], "steps_column")
    let valid = node("Where", [flags, steps, integers([-1], dims: [])], name + ".steps")
    let place = node(
      "ReduceMax", [valid], name + ".place",
      [ONNXAttribute("axes", .integers([0])), ONNXAttribute("keepdims", .integer(1))])
    let isLast = node("Equal", [steps, place], name + ".is_last")
    let zero = number(0)
    let picked = node("Where", [column(isLast, value.shape), value.name, zero], name + ".picked")
    return node("ReduceSum", [picked, integers([0])], name, [ONNXAttribute("keepdims", .integer(0))])
  }

  /// The mean, or the largest number, over the valid steps.
  private mutating func pooled(_ value: Value, _ name: String, isMax: Bool) -> String {
    let whole = [ONNXAttribute("axes", .integers([0])), ONNXAttribute("keepdims", .integer(0))]
    guard let mask = value.mask else {
      return node(isMax ? "ReduceMax" : "ReduceMean", [value.name], name, whole)
    }
    let flags = flags(mask)
    let valid = column(flags, value.shape)
    let ones = node("Cast", [valid], name + ".ones", [ONNXAttribute("to", .integer(1))])
    let count = node(
      "ReduceSum", [ones, integers([0])], name + ".count", [ONNXAttribute("keepdims", .integer(0))])
    let zero = number(0)
    if isMax {
      let low = number(-.infinity)
      let largest = node(
        "ReduceMax", [node("Where", [valid, value.name, low], name + ".kept")], name + ".largest", whole)
      let none = node("Equal", [count, zero], name + ".none")
      return node("Where", [none, zero, largest], name)
    }
    let kept = node("Where", [valid, value.name, zero], name + ".kept")
    let sum = node(
      "ReduceSum", [kept, integers([0])], name + ".sum", [ONNXAttribute("keepdims", .integer(0))])
    return node("Div", [sum, node("Max", [count, number(1)], name + ".divisor")], name)
  }
}
