import CellgateBasics

/// What predicted tags are worth against the true ones.
public struct TagScores: Sendable, Equatable {
  /// Precision, recall and F1 of spans; 0 where there are none to count.
  public struct Spans: Sendable, Equatable {
    /// Spans that were found as they are, with their type and both ends.
    public var right = 0
    /// Spans that were found.
    public var found = 0
    /// Spans that there are.
    public var expected = 0

    /// The share of the spans found that are right.
    public var precision: Double { found > 0 ? Double(right) / Double(found) : 0 }
    /// The share of the spans there are that were found.
    public var recall: Double { expected > 0 ? Double(right) / Double(expected) : 0 }
    /// 2 right / (found + expected).
    public var f1: Double {
      found + expected > 0 ? 2 * Double(right) / Double(found + expected) : 0
    }
  }

  /// The share of the tokens whose tag is right.
  public let accuracy: Double
  /// All spans, by the conventions of seqeval's default mode; of tags without prefixes a run of one tag is a span.
  public let spans: Spans
  /// The spans of each type.
  public let types: [String: Spans]
  /// Tokens.
  public let tokens: Int

  /// Scores of the tags of sentences, as many found as expected.
  public init(expected: [[String]], found: [[String]]) {
    require(
      expected.map(\.count) == found.map(\.count),
      "TagScores: expected as many tags as the \(expected.count) sentences have, found others")
    var (right, tokens) = (0, 0)
    var (all, types): (Spans, [String: Spans]) = (Spans(), [:])
    for (expected, found) in zip(expected, found) {
      tokens += expected.count
      right += zip(expected, found).count { $0 == $1 }
      let (truth, answer) = (TagSpan.spans(expected), TagSpan.spans(found))
      let common = Set(truth).intersection(answer)
      for span in truth { types[span.type, default: Spans()].expected += 1 }
      for span in answer { types[span.type, default: Spans()].found += 1 }
      for span in common { types[span.type, default: Spans()].right += 1 }
      all.expected += truth.count
      all.found += answer.count
      all.right += common.count
    }
    accuracy = tokens > 0 ? Double(right) / Double(tokens) : 0
    (spans, self.types, self.tokens) = (all, types, tokens)
  }

  /// A metric by its name.
  func value(_ name: String) -> Double {
    switch name {
    case "span_f1": spans.f1
    case "span_precision": spans.precision
    case "span_recall": spans.recall
    default: accuracy
    }
  }
}
