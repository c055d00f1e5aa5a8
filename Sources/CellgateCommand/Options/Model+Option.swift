import Cellgate

extension Model {
  /// The model with the products of its recurrent layers in the precision of an option, if it is given.
  func computing(inOption precision: Precision?) throws(CommandFailure) -> Model {
    guard let precision else { return self }
    do throws(LayerError) { return try computing(in: precision) } catch {
      throw CommandFailure(.usage, "--precision: \(error)")
    }
  }
}
