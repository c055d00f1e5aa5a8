import Cellgate
import CellgateBasics
import CellgateFiles

/// What any model makes of arrays, or of texts in lines.
struct ArrayPredictions: FilePredictor {
  static func takes(_ job: PredictionJob) -> Bool { true }

  private let model: Model
  private let preprocessing: Preprocessing

  init?(_ model: Model) { (self.model, preprocessing) = (model, model.preprocessing) }

  func run(_ job: PredictionJob) throws {
    let out = try job.output()
    try ArrayFile.check(out, arrays: model.outputShapes.count)
    let inputs = try inputs(job.data)
    let outputs: [Tensor]
    do throws(ModelDataError) {
      outputs = try ArrayPredictor(model).predict(inputs, batch: job.batch)
    } catch {
      if case .wrongShape("inputs", _, _) = error { throw CommandFailure(.data, "\(job.data): \(error)") }
      throw error
    }
    let names = outputs.count == 1 ? ["output"] : outputs.indices.map { "output_\($0 + 1)" }
    try ArrayFile.write(zip(names, outputs).map { (name: $0, tensor: $1) }, to: out)
    if outputs.count == 1 { job.print(counts(outputs[0])) }
    let count = inputs[0].shape[0]
    let shapes = outputs.map { "\($0.shape)" }.joined(separator: ", ")
    job.report(
      [
        ("samples", .integer(count)),
        (
          "outputs",
          .array(
            zip(names, outputs).map { name, output in
              .object([
                ("name", .string(name)), ("shape", .array(output.shape.map { .integer($0) })),
              ])
            })
        ),
      ], "\(Text.plural(count, "sample")): outputs \(shapes) in \(out)")
  }

  /// The inputs in a file, as the model takes them.
  private func inputs(_ data: String) throws -> [Tensor] {
    if preprocessing.words != nil, !ArrayFile.isOne(data),
      let numbers = preprocessing.encode(try TextLines.read(data))
    {
      return [numbers]
    }
    return try ModelArrays(data).inputs(of: model)
  }

  /// How often each class is the likeliest; nothing of a model whose outputs are no classes.
  private func counts(_ output: Tensor) -> [(label: String, count: Int)] {
    guard let labels = preprocessing.labels, preprocessing.rows?.hasLabelSets != true else { return [] }
    let width = output.shape.last ?? 1
    guard width == labels.count || (width == 1 && labels.count == 2) else { return [] }
    var counts = [Int](repeating: 0, count: labels.count)
    if width == 1 {
      for value in output.scalars { counts[value > 0.5 ? 1 : 0] += 1 }
    } else {
      for likeliest in output.argMax(axis: -1) { counts[likeliest] += 1 }
    }
    return Array(zip(labels, counts))
  }
}
