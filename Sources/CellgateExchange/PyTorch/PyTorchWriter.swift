import CellgateBasics
import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// A model for PyTorch: a state dict as `torch.save` writes it, and a Python file with the module that it belongs to.
///
/// Cells that PyTorch has, whatever they are called, are `nn.LSTM`, `nn.GRU` and `nn.RNN`; others are modules printed from
/// their equations. A model of recurrent layers alone has a state dict without a prefix, which `nn.LSTM(…).load_state_dict`
/// takes; in others the names begin with the layer's.
public struct PyTorchWriter {
  /// The state dict, in order.
  public private(set) var state: [StateDictionary.Entry] = []
  /// The Python file.
  public private(set) var source = ""

  private let model: Model
  /// Whether steps may be masked within the model.
  private let hasMasks: Bool
  private var constructors: [String] = []
  private var calls: [String] = []
  private var classes: [String: String] = [:]
  private var classText = ""

  /// The state dict and the module of a model that is built. Throws `unsupported` for a layer that it can't write, by name.
  public init(_ model: Model) throws(ExportError) {
    self.model = model
    hasMasks = model.layers.contains {
      ($0.layer as? Embedding)?.options.maskZero == true || $0.layer is Masking
    }
    try run()
  }

  private func refuse(_ layer: String, _ reason: String) -> ExportError {
    .unsupported(format: "PyTorch", reason: "layer \(quotedName(layer)): \(reason)")
  }

  private mutating func run() throws(ExportError) {
    let description = model.description
    let numbers = model.state
    let withParameters = model.layers.filter { !$0.layer.members.isEmpty }
    let isBare = withParameters.count == 1 && withParameters[0].layer is Recurrent
    for (name, layer) in model.layers {
      try write(name, layer, numbers, isBare: isBare)
    }
    // Values by their numbers in the description.
    var values = description.inputs.indices.map { description.inputs.count == 1 ? "x" : "x\($0)" }
    func maskOf(_ value: String) -> String { value + "_mask" }
    for (index, input) in description.inputs.enumerated() where input.shape.isSequence {
      calls.append("\(maskOf(values[index])) = mask")
    }
    for (index, input) in description.inputs.enumerated() where !input.shape.isSequence {
      calls.append("\(maskOf(values[index])) = None")
    }
    for (number, call) in description.calls.enumerated() {
      guard call.inputs.allSatisfy({ $0.output == 0 }), let layer = model[call.layer] else {
        throw refuse(call.layer, "expected the output of another layer, found its states")
      }
      let result = "v\(number)"
      let taken = call.inputs.map { values[$0.node] }
      calls += try lines(call.layer, layer, taken, masks: taken.map(maskOf), result, maskOf(result))
      values.append(result)
    }
    let inputs = description.inputs.indices.map { values[$0] }.joined(separator: ", ")
    let outputs = description.outputs.map { values[$0.node] }.joined(separator: ", ")
    source = text(inputs: inputs, outputs: outputs, isBare: isBare)
  }

  // MARK: Layers

  private mutating func write(
    _ name: String, _ layer: any Layer, _ numbers: StateDictionary, isBare: Bool
  ) throws(ExportError) {
    let own = CodeIdentifier.ascii(name)
    func copy(_ parameters: String...) -> [StateDictionary.Entry] {
      parameters.compactMap { parameter in
        numbers["\(name).\(parameter)"].map { .init("\(own).\(parameter)", $0) }
      }
    }
    switch layer {
    case let layer as Embedding:
      constructors.append("self.\(own) = nn.Embedding(\(layer.options.inputDim), \(layer.options.outputDim))")
      state += copy("weight")
    case let layer as Dense:
      let weight = layer.map.weight.shape
      constructors.append(
        "self.\(own) = nn.Linear(\(weight[1]), \(weight[0])\(layer.options.useBias ? "" : ", bias=False"))")
      state += copy("weight", "bias")
    case let layer as LayerNormalization:
      constructors.append(
        "self.\(own) = nn.LayerNorm(\(layer.weight.shape[0]), eps=\(layer.options.epsilon))")
      state += copy("weight", "bias")
    case let layer as Dropout:
      constructors.append("self.\(own) = nn.Dropout(\(layer.options.rate))")
    case let layer as Recurrent:
      if layer.options.learnsFirstStates {
        throw refuse(name, "expected first states of zero, found learned ones")
      }
      try recurrent(
        name, layer.options, layer.cellAtInference, inputSize: layer.inputSize, numbers, isBare: isBare)
    case let layer as Bidirectional:
      var options = layer.options.layer
      options.isBidirectional = true
      if options.zoneout != nil { throw refuse(name, "expected no zoneout in both directions, found some") }
      let weights = numbers["\(name).\(options.cell.cell.parameters[0].name)_l0"]
      try recurrent(
        name, options, options.cell.cell, inputSize: weights?.shape.last ?? 1, numbers, isBare: false)
    case is ActivationLayer, is LastStep, is Masking, is Concatenate, is Add, is Multiply, is Flatten: break
    default: throw refuse(name, "expected a layer that PyTorch has, found \(type(of: layer).kind)")
    }
  }

  private mutating func recurrent(
    _ name: String, _ options: RecurrentOptions, _ cell: Cell, inputSize: Int, _ numbers: StateDictionary,
    isBare: Bool
  ) throws(ExportError) {
    let own = CodeIdentifier.ascii(name), prefix = isBare ? "" : own + "."
    if let kernel = options.kernel {
      throw refuse(name, "expected a layer of vectors, found convolutions of \(kernel) × \(kernel)")
    }
    if options.stateful { throw refuse(name, "expected a layer that keeps no states, found a stateful one") }
    // nn.LSTM knows masks that are lengths alone.
    let module = hasMasks ? nil : PyTorchModule(cell)
    var arguments = ["\(inputSize)", "\(options.units)"]
    if options.layers > 1 { arguments.append("num_layers=\(options.layers)") }
    if options.isBidirectional { arguments.append("bidirectional=True") }
    if let module {
      if module.options == "proj_size" {
        arguments.append("proj_size=\(options.projection ?? options.units)")
      } else if !module.options.isEmpty {
        arguments.append(module.options)
      }
      if options.dropout > 0 { arguments.append("dropout=\(options.dropout)") }
      constructors.append("self.\(own) = nn.\(module.name)(\(arguments.joined(separator: ", ")))")
    } else {
      if let projection = options.projection { arguments.append("projection_size=\(projection)") }
      constructors.append("self.\(own) = \(className(cell))(\(arguments.joined(separator: ", ")))")
    }
    for layer in 0..<options.layers {
      for suffix in ["_l\(layer)"] + (options.isBidirectional ? ["_l\(layer)_reverse"] : []) {
        if let module {
          state += module.tensors(numbers, name + ".", suffix).map { .init(prefix + $0.name, $0.tensor) }
        } else {
          state += cell.parameters.compactMap { definition in
            numbers["\(name).\(definition.name)\(suffix)"].map {
              .init(prefix + definition.name + suffix, $0)
            }
          }
        }
      }
    }
  }

  /// The class of a cell, printed once.
  private mutating func className(_ cell: Cell) -> String {
    if let known = classes[cell.text] { return known }
    let printer = PyTorchPrinter(cell)
    var name = printer.className
    if classes.values.contains(name) { name += "\(classes.count + 1)" }
    classes[cell.text] = name
    classText += "\n\n" + printer.text(named: name)
    return name
  }

  /// The lines that compute a layer's output and its mask.
  private func lines(
    _ name: String, _ layer: any Layer, _ x: [String], masks: [String], _ y: String, _ mask: String
  ) throws(ExportError) -> [String] {
    let own = "self." + CodeIdentifier.ascii(name)
    func plain(_ formula: String) -> [String] { ["\(y), \(mask) = \(formula), \(masks[0])"] }
    switch layer {
    case let layer as Embedding:
      if layer.options.maskZero {
        return ["\(y), \(mask) = \(own)(\(x[0])), both(\(masks[0]), \(x[0]) != 0)"]
      }
      return plain("\(own)(\(x[0]))")
    case let layer as Dense: return plain(try activated(name, layer.options.activation, "\(own)(\(x[0]))"))
    case let layer as ActivationLayer: return plain(try activated(name, layer.options.activation, x[0]))
    case is LayerNormalization, is Dropout: return plain("\(own)(\(x[0]))")
    case is LastStep: return ["\(y), \(mask) = last_step(\(x[0]), \(masks[0])), None"]
    case let layer as Masking:
      return [
        "\(y), \(mask) = \(x[0]), both(\(masks[0]), (\(x[0]) != \(layer.options.maskValue)).any(-1))"
      ]
    case is Flatten: return plain("\(x[0]).flatten(\(model.inputs.first?.shape.isSequence == true ? 2 : 1))")
    case is Concatenate: return plain("torch.cat([\(x.joined(separator: ", "))], -1)")
    case is Add: return plain(x.joined(separator: " + "))
    case is Multiply: return plain(x.joined(separator: " * "))
    case let layer as Recurrent:
      guard x.count == 1 else { throw refuse(name, "expected first states of zero, found given ones") }
      return try run(own, layer.options, x[0], masks[0], y, mask, merge: .concat, layer: name)
    case let layer as Bidirectional:
      guard x.count == 1 else { throw refuse(name, "expected first states of zero, found given ones") }
      return try run(
        own, layer.options.layer, x[0], masks[0], y, mask, merge: layer.options.mergeMode, layer: name)
    default: throw refuse(name, "expected a layer that PyTorch has, found \(type(of: layer).kind)")
    }
  }

  private func run(
    _ own: String, _ options: RecurrentOptions, _ x: String, _ xMask: String, _ y: String, _ mask: String,
    merge: Bidirectional.MergeMode, layer: String
  ) throws(ExportError) -> [String] {
    if options.returnState { throw refuse(layer, "expected an output alone, found states that are returned") }
    if options.maskedOutput == .previous, hasMasks {
      throw refuse(layer, "expected outputs of 0 at masked steps, found those of the step before")
    }
    var lines: [String] = []
    var (input, inputMask) = (x, xMask)
    if options.goBackwards {
      lines.append("\(y), \(mask) = \(x).flip(0), None if \(xMask) is None else \(xMask).flip(0)")
      (input, inputMask) = (y, mask)
    }
    lines.append(
      "\(y), \(mask) = run(\(own), \(input), \(inputMask), \(options.returnSequences ? "True" : "False")), \(options.returnSequences ? inputMask : "None")"
    )
    let halves = "\(y).chunk(2, -1)"
    switch merge {
    case .concat: break
    case .sum: lines.append("\(y) = sum(\(halves))")
    case .ave: lines.append("\(y) = sum(\(halves)) / 2")
    case .mul: lines.append("\(y) = \(halves)[0] * \(halves)[1]")
    case .none: throw refuse(layer, "expected outputs that are merged, found two")
    }
    return lines
  }

  private func activated(
    _ layer: String, _ activation: Activation, _ x: String
  ) throws(ExportError) -> String {
    switch activation {
    case .linear: return x
    case .sigmoid: return "torch.sigmoid(\(x))"
    case .tanh: return "torch.tanh(\(x))"
    case .relu: return "torch.relu(\(x))"
    case .gelu: return "nn.functional.gelu(\(x))"
    case .silu: return "nn.functional.silu(\(x))"
    case .softplus: return "nn.functional.softplus(\(x))"
    case .softmax: return "torch.softmax(\(x), -1)"
    case .logSoftmax: return "torch.log_softmax(\(x), -1)"
    case .elu: return "nn.functional.elu(\(x))"
    case .selu: return "nn.functional.selu(\(x))"
    case .softsign: return "nn.functional.softsign(\(x))"
    case .hardSigmoid: return "nn.functional.hardsigmoid(\(x))"
    case .exponential: return "torch.exp(\(x))"
    case .leakyReLU: return "nn.functional.leaky_relu(\(x), 0.2)"
    }
  }

  // MARK: The files

  private func text(inputs: String, outputs: String, isBare: Bool) -> String {
    let load =
      isBare
      ? "model.\(CodeIdentifier.ascii(model.layers.first { !$0.layer.members.isEmpty }?.name ?? "")).load_state_dict(torch.load(\"model.pt\"))"
      : "model.load_state_dict(torch.load(\"model.pt\"))"
    let usesRun = calls.contains { $0.contains("run(") }
    return """
      \"""A model of Cellgate as a PyTorch module. Sequences are [T, B, …], as PyTorch has them with batch_first=False.

      model = Model().eval()
      \(load)
      y = model(x)  # mask [T, B]: True where a step is valid; None for all
      \"""

      \(classText.isEmpty ? "import torch\nfrom torch import nn\n" : PyTorchPrinter.preamble)\(Self.helpers(usesRun: usesRun, hasMasks: hasMasks, hasLast: calls.contains { $0.contains("last_step(") }))\(classText)

      class Model(nn.Module):
          def __init__(self):
              super().__init__()
      \((constructors.isEmpty ? ["pass"] : constructors).map { "        " + $0 }.joined(separator: "\n"))

          def forward(self, \(inputs), mask=None):
      \(calls.map { "        " + $0 }.joined(separator: "\n"))
              return \(outputs)

      """
  }

  private static func helpers(usesRun: Bool, hasMasks: Bool, hasLast: Bool) -> String {
    var text = ""
    if hasMasks {
      text += """


        def both(mask, other):
            return other if mask is None else mask & other
        """ + "\n"
    }
    if usesRun {
      text += """


        def run(layer, x, mask, sequences):
            if mask is None:
                y, states = layer(x)
            elif isinstance(layer, nn.RNNBase):
                lengths = mask.sum(0).cpu()
                packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
                y, states = layer(packed)
                y, _ = nn.utils.rnn.pad_packed_sequence(y, total_length=x.shape[0])
            else:
                y, states = layer(x, mask=mask)
            if sequences:
                return y
            last = states[0] if isinstance(states, tuple) else states
            return torch.cat([last[-2], last[-1]], -1) if y.shape[-1] > last.shape[-1] else last[-1]
        """ + "\n"
    }
    if hasLast {
      text += """


        def last_step(x, mask):
            if mask is None:
                return x[-1]
            steps = torch.arange(x.shape[0], device=x.device)[:, None]
            last = torch.where(mask, steps, -1).amax(0)
            y = x[last.clamp(min=0), torch.arange(x.shape[1], device=x.device)]
            return torch.where((last >= 0).reshape(-1, *[1] * (y.dim() - 1)), y, torch.zeros_like(y))
        """ + "\n"
    }
    return text
  }

  /// The numbers of a model under PyTorch's names, of layers of any kind: parameters of cells that PyTorch has are those of its
  /// modules, others keep their names.
  public static func stateDictionary(of model: Model) -> StateDictionary {
    let numbers = model.state
    let withParameters = model.layers.filter { !$0.layer.members.isEmpty }
    let isBare = withParameters.count == 1 && withParameters[0].layer is Recurrent
    var entries: [StateDictionary.Entry] = []
    var taken: Set<String> = []
    for part in model.description.recurrentParts {
      guard let module = PyTorchModule(part.options.cell.cell), part.options.zoneout == nil else { continue }
      for suffix in part.suffixes {
        taken.formUnion(part.options.cell.cell.parameters.map { part.prefix + $0.name + suffix })
        entries += module.tensors(numbers, part.prefix, suffix).map {
          .init((isBare ? "" : part.prefix) + $0.name, $0.tensor)
        }
      }
    }
    let others = numbers.entries.filter { !taken.contains($0.name) }
    let prefix = isBare ? withParameters[0].name + "." : ""
    return StateDictionary(
      entries
        + others.map { entry in
          .init(
            entry.name.hasPrefix(prefix) ? String(entry.name.dropFirst(prefix.count)) : entry.name,
            entry.tensor)
        })
  }

  /// Writes the state dict, as `torch.save` does, whole or not at all.
  public func writeState(to path: String) throws(ExportError) {
    do throws(FileError) {
      try TorchArchive.writer(state.map { ($0.name, $0.tensor.shape, $0.tensor.scalars) }).write(to: path)
    } catch { throw .file(error) }
  }

  /// Writes the Python file.
  public func writeSource(to path: String) throws(ExportError) {
    do throws(FileError) { try AtomicFile.write(Data(source.utf8), to: path) } catch { throw .file(error) }
  }
}
