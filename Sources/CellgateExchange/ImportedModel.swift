import CellgateFiles
import CellgateNN

/// A model of another tool as Cellgate's description and state dictionary.
public struct ImportedModel {
  /// What wrote the file, with its version where the file has it: "Keras 3.15.1".
  public var framework: String
  /// The kind of file: "keras_v3", "torch_zip", "onnx".
  public var format: String
  /// What was found and what was converted, a line each: layers, sizes, gate order; warnings, such as NaN weights.
  public var findings: [String]
  /// The model's graph; nil where the file holds weights alone and they don't say how they are used.
  public var description: ModelDescription?
  /// The numbers: under the names of the description's layers, or under the file's own where there is no description.
  public var state: StateDictionary
  /// What the weights may belong to, where there is no description: a start for `--architecture`.
  public var proposal: Architecture?
  /// What goes into the model's file besides: vocabulary, labels, the file that it came from.
  public var metadata: [String: String] = [:]
  /// Computes a sample's outputs under the framework's names and in its layouts; nil where there is no description.
  public var sampler: (any Sampler)?

  /// The model, ready to run. Throws where there is no description, or where the numbers don't fit it.
  public func makeModel() throws(ImportError) -> Model {
    guard let description else { throw .noArchitecture(framework: framework) }
    do {
      let model = try Initializer.withoutDrawing { try Model(description) }
      try model.load(state)
      model.metadata = metadata
      return model
    } catch {
      throw .doesNotFit(framework: framework, reason: "\(error)")
    }
  }
}

/// Numbers of a sample, such as a framework computed them.
public struct SampleArray: Equatable, Sendable {
  /// The sizes, in the framework's order.
  public var shape: [Int]
  /// The numbers row by row; whole numbers too.
  public var values: [Double]

  /// Numbers of a shape.
  public init(shape: [Int], values: [Double]) {
    self.shape = shape
    self.values = values
  }
}

/// Inputs for a model under the names that its framework's samples give them.
public struct SampleInputs: Sendable {
  /// "logits", "zero": the name of the run.
  public var run: String
  /// The arrays by name: x, h0, lengths.
  public var arrays: [String: SampleArray]
  /// The outputs that are asked for.
  public var outputs: [String]
  /// What else the sample says about the run, a JSON object: the layout of its arrays, such as "ids [T,B]".
  public var options: JSONTree?

  /// The shapes that the sample has of outputs: they say how many symbols a continuation has.
  public var shapes: [String: [Int]] = [:]

  /// Inputs of a run.
  public init(
    run: String, arrays: [String: SampleArray], outputs: [String], options: JSONTree? = nil,
    shapes: [String: [Int]] = [:]
  ) {
    self.run = run
    self.arrays = arrays
    self.outputs = outputs
    self.options = options
    self.shapes = shapes
  }
}

/// Runs a model on the inputs of a framework's sample.
public protocol Sampler {
  /// The outputs that are asked for, those that the model has. Throws for inputs that don't fit it.
  func outputs(of inputs: SampleInputs, by model: Model) throws(ImportError) -> [String: SampleArray]
}
