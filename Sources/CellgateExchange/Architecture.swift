import CellgateFiles

/// What weights without a description belong to: a JSON object such as `{"kind": "lstm", "hidden_size": 5, …}`, the form of
/// the `model` entry of a `case.json` beside samples.
public struct Architecture: Equatable, Sendable {
  /// One of `kinds`.
  public var kind: String
  /// The whole object.
  public var members: JSONTree

  /// The kinds that weights are imported as: a recurrent module, its cell, a model of symbols, or tensors that are no model.
  public static let kinds = [
    "lstm", "gru", "rnn", "lstm_cell", "gru_cell", "rnn_cell", "lstm_wm", "char_lm", "text_classifier",
    "tagger",
    "tensors",
  ]

  /// The architecture in a JSON object with a member `kind`; nil of another value.
  public init?(_ tree: JSONTree) {
    guard let kind = tree["kind"]?.string else { return nil }
    self.kind = kind
    members = tree
  }
}
