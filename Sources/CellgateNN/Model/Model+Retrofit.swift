import CellgateCells
import CellgateFiles
import CellgateTensor

/// Options of a layer in which recurrent layers are.
protocol CellHolder: LayerOptions {
  /// The options of each, under the name that its parameters have inside of the layer; "" where they are the layer's own.
  var cells: [(name: String, options: RecurrentOptions)] { get }
  /// Gives the recurrent layers of a name other options.
  mutating func replace(_ name: String, with options: RecurrentOptions)
}

extension RecurrentOptions: CellHolder {
  var cells: [(name: String, options: RecurrentOptions)] { [("", self)] }
  mutating func replace(_ name: String, with options: RecurrentOptions) { self = options }
}
extension Bidirectional.Options: CellHolder {
  var cells: [(name: String, options: RecurrentOptions)] { [("", layer)] }
  mutating func replace(_ name: String, with options: RecurrentOptions) { layer = options }
}
extension RecurrentDecoder.Options: CellHolder {
  var cells: [(name: String, options: RecurrentOptions)] { [("recurrent", recurrent)] }
  mutating func replace(_ name: String, with options: RecurrentOptions) { recurrent = options }
}
extension SegmentForecaster.Options: CellHolder {
  var cells: [(name: String, options: RecurrentOptions)] {
    transformer == nil ? [("recurrent", recurrent)] : []
  }
  mutating func replace(_ name: String, with options: RecurrentOptions) { recurrent = options }
}
extension AttentionDecoder.Options: CellHolder {
  var cells: [(name: String, options: RecurrentOptions)] {
    [("recurrent", recurrent)] + (second.map { [("second", $0)] } ?? [])
  }
  mutating func replace(_ name: String, with options: RecurrentOptions) {
    if name == "second" { second = options } else { recurrent = options }
  }
}

/// A recurrent layer of a model.
public struct RecurrentPart: Sendable {
  /// The name of the layer of the model that it is in.
  public let layer: String
  /// What the names of its parameters begin with: "recurrent." or "decoder.second.".
  public let prefix: String
  /// Its place in that layer's stack, from 0.
  public let place: Int
  /// Its cell, sizes and directions.
  public let options: RecurrentOptions

  /// What the names of its parameters end with, for each direction: "_l0", "_l0_reverse".
  public var suffixes: [String] {
    (0..<(options.isBidirectional ? 2 : 1)).map { Recurrent.suffix(layer: place, direction: $0) }
  }
}

extension ModelDescription {
  /// The recurrent layers of the model, in its order; of a stack each one.
  public var recurrentParts: [RecurrentPart] {
    layers.flatMap { layer in
      guard let holder = layer.options as? any CellHolder else { return [RecurrentPart]() }
      return holder.cells.flatMap { name, options in
        var options = options
        if layer.options is Bidirectional.Options { options.isBidirectional = true }
        let prefix = layer.name + "." + (name.isEmpty ? "" : name + ".")
        return (0..<min(options.layers, Self.mostLayers)).map {
          RecurrentPart(layer: layer.name, prefix: prefix, place: $0, options: options)
        }
      }
    }
  }
}

extension Model {
  /// The same model with another cell in its recurrent layers, which gives the same outputs: the cell's new parameters have
  /// values at which its equations are those of the old one, 0 in the case of memory weights.
  ///
  /// ```swift
  /// let better = try Model.load("trained.safetensors").retrofitted(to: .lstmWM)
  /// ```
  ///
  /// - Parameters:
  ///   - cell: the new cell.
  ///   - layers: which recurrent layers, by their numbers in `description.recurrentParts`; all if it is nil. A stack of which
  ///     some get the new cell becomes several layers.
  ///   - seed: what parameters start from whose values make no difference at the others' values.
  ///
  /// Throws `ModelRetrofitError`.
  public func retrofitted(
    to cell: Cell, layers: Set<Int>? = nil, seed: UInt64 = 1
  ) throws(ModelRetrofitError) -> Model {
    let parts = description.recurrentParts
    guard !parts.isEmpty else { throw .noRecurrentLayer }
    let chosen = layers ?? Set(parts.indices)
    if let wrong = chosen.first(where: { !parts.indices.contains($0) }) {
      throw .noSuchLayer(wrong, count: parts.count)
    }
    var (description, state) = try Self.split(description, state, at: chosen)
    let old = description
    var retrofits: [(part: RecurrentPart, retrofit: Retrofit)] = []
    // Numbers of parts stay as they are when stacks are split.
    for (number, part) in old.recurrentParts.enumerated() where chosen.contains(number) {
      do throws(RetrofitError) {
        retrofits.append((part, try Retrofit(from: part.options.cell.cell, to: cell)))
      } catch { throw .cells(layer: part.layer, error) }
    }
    for (part, retrofit) in retrofits where retrofit.states != Array(retrofit.states.indices) {
      // The states that a layer takes and gives are in the cell's order.
      let takesStates = old.calls.contains { $0.layer == part.layer && $0.inputs.count > 1 }
      if part.options.returnState || takesStates { throw .otherStates(layer: part.layer, cell: cell.name) }
    }
    for index in description.layers.indices {
      guard var holder = description.layers[index].options as? any CellHolder else { continue }
      for (name, var options) in holder.cells {
        let prefix = description.layers[index].name + "." + (name.isEmpty ? "" : name + ".")
        guard retrofits.contains(where: { $0.part.prefix == prefix }) else { continue }
        options.cell = CellText(cell)
        if !cell.hasProjection { options.projection = nil }
        holder.replace(name, with: options)
      }
      description.layers[index].options = holder
    }
    do {
      let draws = retrofits.contains { $0.retrofit.sources.joined().contains(.initial) }
      let model =
        try draws
        ? Model(description, seed: seed) : Initializer.withoutDrawing { try Model(description, seed: seed) }
      let first = model.state
      for (part, retrofit) in retrofits {
        for suffix in part.suffixes { retrofit.convert(&state, first, part.prefix, suffix) }
      }
      try model.load(state)
      model.metadata = metadata
      return model
    } catch {
      throw .model("\(error)")
    }
  }

  /// The description and the numbers with stacks of recurrent layers split where chosen ones are beside others.
  private static func split(
    _ description: ModelDescription, _ state: StateDictionary, at chosen: Set<Int>
  ) throws(ModelRetrofitError) -> (ModelDescription, StateDictionary) {
    var result = (description, state)
    var first = 0
    for layer in description.layers {
      guard let holder = layer.options as? any CellHolder else { continue }
      for (_, options) in holder.cells {
        let isChosen = (first..<first + options.layers).map(chosen.contains)
        first += options.layers
        let starts = isChosen.indices.filter { $0 == 0 || isChosen[$0] != isChosen[$0 - 1] }
        guard starts.count > 1 else { continue }
        guard let options = layer.options as? RecurrentOptions else {
          throw .wholeStack(layer: layer.name, kind: layer.kind)
        }
        let groups = zip(starts, starts.dropFirst() + [isChosen.count]).map { $0..<$1 }
        var splitting = StackSplitting(layer.name, options, groups, result.0)
        splitting.run()
        result = (splitting.description, splitting.converted(result.1))
      }
    }
    return result
  }
}

extension Retrofit {
  /// Puts the new cell's parameters in the place of the old ones', of one layer and direction; `first` has those that the
  /// new cell starts from.
  fileprivate func convert(
    _ state: inout StateDictionary, _ first: StateDictionary, _ prefix: String, _ suffix: String
  ) {
    let given = old.parameters.map { state[prefix + $0.name + suffix] }
    var made: [(name: String, tensor: Tensor)] = []
    for (definition, sources) in zip(new.parameters, sources) {
      let name = prefix + definition.name + suffix
      guard let initial = first[name] else { continue }
      let rows = initial.shape[0] / definition.gates.count
      let blocks = sources.enumerated().map { gate, source -> Tensor in
        let own = initial[gate * rows..<(gate + 1) * rows]
        switch source {
        case .initial: return own
        case .zero: return .zeros(own.shape)
        case .one: return Tensor([Float](repeating: 1, count: own.count), shape: own.shape)
        case .old(let parameter, let gate):
          return given[parameter].map { $0[gate * rows..<(gate + 1) * rows] } ?? own
        }
      }
      made.append((name, blocks.count == 1 ? blocks[0] : concatenated(blocks, axis: 0)))
    }
    for definition in old.parameters { state[prefix + definition.name + suffix] = nil }
    for (name, tensor) in made { state[name] = tensor }
    // First states that are learned are those of all layers of a stack together.
    guard suffix == Recurrent.suffix(layer: 0, direction: 0) else { return }
    let firstStates = states.map { state[prefix + old.states[$0] + "0"] }
    for name in old.states { state[prefix + name + "0"] = nil }
    for (name, tensor) in zip(new.states, firstStates) { state[prefix + name + "0"] = tensor }
  }
}

/// Makes several layers of a stack of recurrent layers, without a change of what is computed.
private struct StackSplitting {
  private(set) var description: ModelDescription
  private let name: String, options: RecurrentOptions, groups: [Range<Int>]
  private let directions: Int
  /// The new layers' names, the first of which is the old one.
  private var names: [String]

  init(
    _ name: String, _ options: RecurrentOptions, _ groups: [Range<Int>], _ description: ModelDescription
  ) {
    self.description = description
    self.name = name
    self.options = options
    self.groups = groups
    directions = options.isBidirectional ? 2 : 1
    names = [name]
    for _ in groups.dropFirst() { names.append(Self.free(name, description.layers.map(\.name) + names)) }
  }

  private static func free(_ name: String, _ taken: [String]) -> String {
    var number = 2
    while taken.contains("\(name)_\(number)") { number += 1 }
    return "\(name)_\(number)"
  }

  mutating func run() {
    guard let place = description.layers.firstIndex(where: { $0.name == name }) else { return }
    var layers: [LayerDescription] = []
    var dropouts: [String] = []
    for (index, group) in groups.enumerated() {
      var own = options
      own.layers = group.count
      let isFirst = index == 0, isLast = index == groups.count - 1
      if !isLast {
        own.returnSequences = true
        own.maskedOutput = .zero
      }
      if !isFirst {
        own.goBackwards = false
        own.inputDropout = 0
        own.noise = nil
        if options.dropout > 0 {
          let dropout = Self.free("dropout", description.layers.map(\.name) + dropouts)
          dropouts.append(dropout)
          layers.append(LayerDescription(Dropout(options.dropout), name: dropout))
        }
      }
      layers.append(LayerDescription(Recurrent(own), name: names[index]))
    }
    description.layers.replaceSubrange(place...place, with: layers)
    rewriteCalls(dropouts)
  }

  /// Puts the new layers' calls in the place of each call of the old one.
  private mutating func rewriteCalls(_ dropouts: [String]) {
    let states = options.cell.cell.states.count * directions
    var calls: [ModelDescription.Call] = []
    /// Where each output of each old node is now.
    var moved: [ModelDescription.Value: ModelDescription.Value] = [:]
    var shift: [Int] = Array(description.inputs.indices)
    func now(_ value: ModelDescription.Value) -> ModelDescription.Value {
      moved[value] ?? .init(node: shift[value.node], output: value.output)
    }
    let inputs = description.inputs.count
    for (index, call) in description.calls.enumerated() {
      let taken = call.inputs.map(now)
      guard call.layer == name else {
        shift.append(inputs + calls.count)
        calls.append(.init(call.layer, taken))
        continue
      }
      var x = taken[0]
      var output = 1
      for (number, group) in groups.enumerated() {
        if number > 0, options.dropout > 0 {
          calls.append(.init(dropouts[number - 1], [x]))
          x = .init(node: inputs + calls.count - 1)
        }
        let given = taken.dropFirst()
        let own =
          given.isEmpty ? [] : Array(given.dropFirst(group.lowerBound * states).prefix(group.count * states))
        calls.append(.init(names[number], [x] + own))
        let node = inputs + calls.count - 1
        x = .init(node: node)
        if options.returnState {
          for place in 0..<group.count * states {
            moved[.init(node: inputs + index, output: output)] = .init(node: node, output: 1 + place)
            output += 1
          }
        }
      }
      moved[.init(node: inputs + index)] = x
      shift.append(x.node)
    }
    description.calls = calls
    description.outputs = description.outputs.map(now)
  }

  /// The numbers under the new layers' names.
  func converted(_ state: StateDictionary) -> StateDictionary {
    var entries: [StateDictionary.Entry] = []
    for entry in state.entries {
      guard entry.name.hasPrefix(name + ".") else {
        entries.append(entry)
        continue
      }
      let parameter = String(entry.name.dropFirst(name.count + 1))
      if options.learnsFirstStates, options.cell.cell.states.contains(where: { $0 + "0" == parameter }) {
        for (own, group) in zip(names, groups) {
          let rows = entry.tensor[group.lowerBound * directions..<group.upperBound * directions]
          entries.append(.init("\(own).\(parameter)", rows))
        }
        continue
      }
      for (own, group) in zip(names, groups) {
        for (new, old) in group.enumerated() {
          for direction in 0..<directions {
            let suffix = Recurrent.suffix(layer: old, direction: direction)
            guard parameter.hasSuffix(suffix) else { continue }
            let stem = parameter.dropLast(suffix.count)
            guard options.cell.cell.parameters.contains(where: { $0.name == stem }) else { continue }
            entries.append(
              .init("\(own).\(stem)" + Recurrent.suffix(layer: new, direction: direction), entry.tensor))
          }
        }
      }
    }
    return StateDictionary(entries)
  }
}

/// Why a model can't have another cell.
public enum ModelRetrofitError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The model has no recurrent layer.
  case noRecurrentLayer
  /// There is no recurrent layer of this number.
  case noSuchLayer(Int, count: Int)
  /// The layers of a decoder have one cell.
  case wholeStack(layer: String, kind: String)
  /// The new cell's equations don't become those of the layer's cell.
  case cells(layer: String, RetrofitError)
  /// The states that a layer takes or gives would come in another order.
  case otherStates(layer: String, cell: String)
  /// The new model can't be made.
  case model(String)

  /// One line.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .noRecurrentLayer: "model: expected recurrent layers, found none"
    case .noSuchLayer(let number, let count):
      "layers: expected numbers from 0 to \(count - 1), found \(number)"
    case .wholeStack(let layer, let kind):
      "layer \(quotedName(layer)): expected all layers of a stack of the kind \(kind), found some"
    case .cells(let layer, let error): "layer \(quotedName(layer)): \(error)"
    case .otherStates(let layer, let cell):
      "layer \(quotedName(layer)): expected states in the order of the old cell, which go in or come out, "
        + "found another order in \(quotedName(cell))"
    case .model(let reason): reason
    }
  }
}
