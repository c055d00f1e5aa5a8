import CellgateBasics
import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// A model as one C99 file without dependencies, weights included: for microcontrollers, and for programs of any language.
///
/// The file has a struct with the states, a function that resets it, and one that takes a step. A model of whole sequences is
/// one of steps there: its output after the last step is the model's. Layers that look at what comes later, such as the
/// reverse direction, are refused by name.
///
/// Matrices may be signed bytes with a scale for each row (``ByteMatrix``), a quarter as large; what they are multiplied with
/// stays float.
public struct CWriter {
  /// The file's text.
  public let text: String
  /// Bytes of constants: the weights.
  public let constantBytes: Int
  /// Bytes of the struct: the states, and what a step needs besides.
  public let stateBytes: Int

  /// The text of a model that is built; `name` begins the names of everything in it. Throws `unsupported` for what a step at
  /// a time can't be.
  public init(_ model: Model, name: String, ofBytes: Bool = false) throws(ExportError) {
    var builder = CModelBuilder(model, name: CodeIdentifier.ascii(name), ofBytes: ofBytes)
    try builder.run()
    text = builder.text
    constantBytes = builder.constantBytes
    stateBytes = 4 * builder.fields.reduce(0) { $0 + $1.size }
  }

  /// Writes the file, whole or not at all.
  public func write(to path: String) throws(ExportError) {
    do throws(FileError) { try AtomicFile.write(Data(text.utf8), to: path) } catch { throw .file(error) }
  }
}

/// Names for other languages.
enum CodeIdentifier {
  /// Latin letters, digits and lines; others become lines.
  static func ascii(_ text: String) -> String {
    let name = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    return name.first?.isNumber ?? true ? "model_" + name : name
  }
}

/// Puts the file together, layer by layer.
private struct CModelBuilder {
  private let model: Model
  private let name: String
  private let state: StateDictionary
  /// The struct's members: floats.
  private(set) var fields: [(name: String, size: Int)] = []
  private(set) var constantBytes = 0
  private let ofBytes: Bool
  private var tables = ""
  private var functions = ""
  private var body: [String] = []
  /// Names of states, which are 0 at the beginning.
  private var first: [String] = []
  private var written: [String: String] = [:]
  private var input = "", outputSize = 0

  init(_ model: Model, name: String, ofBytes: Bool) {
    self.model = model
    self.ofBytes = ofBytes
    self.name = name
    state = model.state
  }

  private func refuse(_ layer: String, _ reason: String) -> ExportError {
    .unsupported(format: "C", reason: "layer \(quotedName(layer)): \(reason)")
  }

  mutating func run() throws(ExportError) {
    let description = model.description
    guard description.isChain, let own = description.inputs.first else {
      throw .unsupported(
        format: "C", reason: "expected a chain of layers of one input and one output, found a graph")
    }
    var size = own.shape.count
    let readsSymbols = own.shape.features.isEmpty
    guard own.shape.features.count <= 1 else {
      throw .unsupported(format: "C", reason: "expected inputs of numbers or symbols, found \(own.shape)")
    }
    input = readsSymbols ? "int \(Self.inputName)" : "const float \(Self.inputName)[\(size)]"
    var current = Self.inputName
    for (index, called) in model.calledLayers.enumerated() {
      if index == 0, readsSymbols, !(called.layer is Embedding) {
        throw refuse(called.name, "expected an embedding of symbols, found \(type(of: called.layer).kind)")
      }
      (current, size) = try write(
        called.name, called.layer, current, size, symbols: index == 0 && readsSymbols)
    }
    outputSize = size
    body.append("for (int j = 0; j < \(size); j++) y[j] = \(current)[j];")
  }

  private static let inputName = "x"

  private mutating func field(_ name: String, _ size: Int) -> String {
    fields.append((name, size))
    return "s->" + name
  }

  private mutating func table(_ tensor: String) -> String {
    let own = "\(name)_" + CodeIdentifier.ascii(tensor)
    guard let values = state[tensor]?.scalars else { return own }
    write(own, "float", values.map { CPrinter.number(Double($0)) }, size: 4)
    return own
  }

  /// A matrix' table, and that of its rows' scales if it is one of bytes.
  private mutating func matrix(_ tensor: String) throws(ExportError) -> [String] {
    guard ofBytes, let values = state[tensor] else { return [table(tensor)] }
    guard let matrix = ByteMatrix(values) else {
      throw .unsupported(format: "C", reason: "\(quotedName(tensor)): expected finite numbers, found others")
    }
    let own = "\(name)_" + CodeIdentifier.ascii(tensor)
    write(own, "signed char", matrix.bytes.map { "\($0)" }, size: 1)
    write(CPrinter.scale(own), "float", matrix.scales.map { CPrinter.number(Double($0)) }, size: 4)
    return [own, CPrinter.scale(own)]
  }

  private mutating func write(_ own: String, _ type: String, _ values: [String], size: Int) {
    constantBytes += size * values.count
    tables += "static const \(type) \(own)[\(max(values.count, 1))] = {"
    for (index, value) in values.enumerated() {
      tables += (index % (size == 4 ? 8 : 16) == 0 ? "\n    " : " ") + value + ","
    }
    tables += "\n};\n\n"
  }

  /// The product of a row of a matrix with `x`.
  private static func dot(_ matrix: [String], _ x: String, _ size: Int) -> String {
    matrix.count == 1
      ? "cg_dot(\(matrix[0]) + j * \(size), \(x), \(size))"
      : "cg_dot_bytes(\(matrix[0]) + j * \(size), \(matrix[1])[j], \(x), \(size))"
  }

  // MARK: Layers

  private mutating func write(
    _ name: String, _ layer: any Layer, _ x: String, _ size: Int, symbols: Bool
  ) throws(ExportError) -> (String, Int) {
    let own = CodeIdentifier.ascii(name)
    switch layer {
    case let layer as Embedding:
      guard symbols else { throw refuse(name, "expected symbols as the model's input, found numbers") }
      if layer.options.maskZero {
        throw refuse(
          name, "expected no mask of the symbol 0: leave such steps out, and export with mask_zero false")
      }
      let width = layer.options.outputDim
      let y = field(own, width), weights = try matrix(name + ".weight")
      let scale = weights.count == 1 ? "" : "\(weights[1])[\(x)] * "
      body.append(
        "for (int j = 0; j < \(width); j++) \(y)[j] = \(scale)\(weights[0])[\(x) * \(width) + j];")
      return (y, width)
    case is Dropout, is LastStep: return (x, size)
    case let layer as Recurrent: return try recurrent(name, layer, x, size)
    case let layer as Dense:
      let weights = try matrix(name + ".weight"), units = layer.options.units
      let bias = layer.options.useBias ? table(name + ".bias") : nil
      let y = field(own, units)
      body.append(
        "for (int j = 0; j < \(units); j++) \(y)[j] = \(Self.dot(weights, x, size))"
          + (bias.map { " + \($0)[j]" } ?? "") + ";")
      try activate(name, layer.options.activation, y, y, units)
      return (y, units)
    case let layer as TimeDistributed:
      guard let dense = try? layer.options.layer.make() as? Dense else {
        throw refuse(name, "expected a dense layer at each step, found \(layer.options.layer.kind)")
      }
      return try write(name, dense, x, size, symbols: false)
    case let layer as ActivationLayer:
      let y = field(own, size)
      try activate(name, layer.options.activation, x, y, size)
      return (y, size)
    case let layer as LayerNormalization:
      let weight = table(name + ".weight"), bias = table(name + ".bias"), y = field(own, size)
      body.append(
        "{ const float m = cg_mean(\(x), \(size)), r = 1.0f / sqrtf(cg_variance(\(x), \(size)) + \(CPrinter.number(Double(layer.options.epsilon))));"
      )
      body.append(
        "  for (int j = 0; j < \(size); j++) \(y)[j] = (\(x)[j] - m) * r * \(weight)[j] + \(bias)[j]; }")
      return (y, size)
    default:
      throw refuse(name, "expected a layer that takes a step at a time, found \(type(of: layer).kind)")
    }
  }

  private mutating func activate(
    _ layer: String, _ activation: Activation, _ x: String, _ y: String, _ size: Int
  ) throws(ExportError) {
    let formula: String
    switch activation {
    case .linear:
      if x == y { return }
      formula = "\(x)[j]"
    case .sigmoid: formula = "cg_sigmoid(\(x)[j])"
    case .tanh: formula = "tanhf(\(x)[j])"
    case .relu: formula = "cg_relu(\(x)[j])"
    case .gelu: formula = "0.5f * \(x)[j] * (1.0f + erff(\(x)[j] * 0.70710678f))"
    case .silu: formula = "\(x)[j] * cg_sigmoid(\(x)[j])"
    case .softplus: formula = "cg_softplus(\(x)[j])"
    case .elu: formula = "\(x)[j] > 0.0f ? \(x)[j] : expf(\(x)[j]) - 1.0f"
    case .selu:
      formula = "1.0507010f * (\(x)[j] > 0.0f ? \(x)[j] : 1.6732632f * (expf(\(x)[j]) - 1.0f))"
    case .softsign: formula = "\(x)[j] / (1.0f + fabsf(\(x)[j]))"
    case .hardSigmoid: formula = "cg_greater(0.0f, cg_smaller(1.0f, \(x)[j] / 6.0f + 0.5f))"
    case .exponential: formula = "expf(\(x)[j])"
    case .leakyReLU: formula = "\(x)[j] > 0.0f ? \(x)[j] : 0.2f * \(x)[j]"
    case .softmax, .logSoftmax:
      body.append("cg_softmax(\(x), \(y), \(size));")
      guard activation == .logSoftmax else { return }
      formula = "logf(\(y)[j])"
    }
    body.append("for (int j = 0; j < \(size); j++) \(y)[j] = \(formula);")
  }

  private mutating func recurrent(
    _ name: String, _ layer: Recurrent, _ x: String, _ size: Int
  ) throws(ExportError) -> (String, Int) {
    let options = layer.options
    if let kernel = options.kernel {
      throw refuse(name, "expected a layer of vectors, found convolutions of \(kernel) × \(kernel)")
    }
    if options.isBidirectional || options.goBackwards {
      throw refuse(
        name,
        "expected the forward direction alone, as a step knows nothing of later ones, found the reverse one")
    }
    if options.returnState { throw refuse(name, "expected an output alone, found states that are returned") }
    let cell = layer.cellAtInference
    let function = step(cell)
    var (current, width) = (x, size)
    let prefix = CodeIdentifier.ascii(name)
    for place in 0..<options.layers {
      let suffix = "_l\(place)"
      let states = zip(cell.states, layer.stateSizes).enumerated().map { index, state in
        let own = field("\(prefix)_\(CodeIdentifier.ascii(state.0))\(suffix)", state.1)
        let learned = options.learnsFirstStates ? "\(name).\(state.0)0" : nil
        if let learned, place == 0 { _ = table(learned) }
        first.append(
          learned.map {
            "for (int j = 0; j < \(state.1); j++) \(own)[j] = \(self.name)_\(CodeIdentifier.ascii($0))[\(place * state.1) + j];"
          } ?? "for (int j = 0; j < \(state.1); j++) \(own)[j] = 0.0f;")
        return own
      }
      var weights: [String] = []
      for parameter in cell.parameters {
        let tensor = "\(name).\(parameter.name)\(suffix)"
        weights += parameter.columns == nil ? [table(tensor)] : try matrix(tensor)
      }
      let scratch = CPrinter(cell).scratch.enumerated().map { index, dimension in
        field(
          "\(prefix)\(suffix)_\(index)",
          dimension == .projection ? options.projection ?? options.units : options.units)
      }
      let sizes =
        ["\(width)", "\(options.units)"]
        + (cell.hasProjection ? ["\(options.projection ?? options.units)"] : [])
      body.append("\(function)(\((sizes + [current] + states + weights + scratch).joined(separator: ", ")));")
      (current, width) = (states[0], layer.outputSize)
    }
    return (current, width)
  }

  /// The function of a cell's step, written once.
  private mutating func step(_ cell: Cell) -> String {
    if let known = written[cell.text] { return known }
    let own = "\(name)_\(CodeIdentifier.ascii(cell.name))" + (written.isEmpty ? "" : "_\(written.count + 1)")
    written[cell.text] = own
    functions += CPrinter(cell, ofBytes: ofBytes).function(own) + "\n"
    return own
  }

  // MARK: The file

  var text: String {
    let parts = functions + body.joined(separator: "\n")
    let softmax =
      !parts.contains("cg_softmax(")
      ? ""
      : """
      static void cg_softmax(const float *x, float *y, int n)
      {
          float most = x[0], sum = 0.0f;
          for (int k = 1; k < n; k++) most = x[k] > most ? x[k] : most;
          for (int k = 0; k < n; k++) {
              y[k] = expf(x[k] - most);
              sum += y[k];
          }
          for (int k = 0; k < n; k++) y[k] /= sum;
      }


      """
    let isSymbol = input.hasPrefix("int ")
    let fieldLines = fields.map { "    float \($0.name)[\($0.size)];" }.joined(separator: "\n")
    let bytes = 4 * fields.reduce(0) { $0 + $1.size }
    return """
      /* \(name): a recurrent model, a step at a time. C99, needs nothing but math.h.

         Constants (flash): \(constantBytes) bytes of weights. State (RAM): \(bytes) bytes for each sequence.

         \(name)_state s;
         \(name)_reset(&s);
         for each step: \(name)_step(&s, x, y);

         x: \(isSymbol ? "the number of a symbol" : "an array of \(input.split(separator: "[").last?.dropLast() ?? "") numbers"); y: \(outputSize) numbers, the output after this step.

         Compiled with -DCELLGATE_MAIN it is a program that reads the inputs of steps from standard input, as many as there are,
         and prints a line of outputs for each. */

      #include <math.h>

      typedef struct {
      \(fieldLines)
      } \(name)_state;

      void \(name)_reset(\(name)_state *s);
      void \(name)_step(\(name)_state *s, \(input), float y[\(outputSize)]);

      \(tables)\(CPrinter.helpers(for: parts))\(softmax)
      \(functions)void \(name)_reset(\(name)_state *s)
      {
      \(first.isEmpty ? "    (void)s;" : first.map { "    " + $0 }.joined(separator: "\n"))
      }

      void \(name)_step(\(name)_state *s, \(input), float y[\(outputSize)])
      {
      \(body.map { "    " + $0 }.joined(separator: "\n"))
      \(fields.isEmpty ? "    (void)s;\n" : "")}

      #ifdef CELLGATE_MAIN
      #include <stdio.h>

      int main(void)
      {
          static \(name)_state s;
          static float y[\(outputSize)];
          \(isSymbol ? "int x;" : "static float x[\(input.split(separator: "[").last?.dropLast() ?? "1")];")
          \(name)_reset(&s);
          for (;;) {
              \(isSymbol
          ? "if (scanf(\"%d\", &x) != 1) return 0;"
          : "for (int j = 0; j < (int)(sizeof x / sizeof x[0]); j++)\n            if (scanf(\"%f\", &x[j]) != 1) return 0;")
              \(name)_step(&s, x, y);
              for (int j = 0; j < \(outputSize); j++) printf(j + 1 < \(outputSize) ? "%.9g " : "%.9g\\n", (double)y[j]);
          }
      }
      #endif

      """
  }
}
