extension TrainingSettings {
  /// What becomes of a run that is continued with other settings than it was made with.
  enum Continuation: Equatable {
    /// It is as long as before.
    case same
    /// It is longer, or more patient; the changes in words.
    case longer([String])
    /// It would be another run, or end sooner: the first such setting.
    case other(setting: String, expected: String, found: String)
  }

  /// The settings that say how long a run goes on: it may be continued with larger ones.
  static let growing: Set<String> = ["steps", "epochs", "patience"]

  /// What makes another model of one that is trained under these settings: how long it is trained doesn't, nor where its
  /// data, or the model that it starts from, lies.
  func modelDifference(from other: TrainingSettings) -> (name: String, own: String, other: String)? {
    firstDifference(from: other, ignoring: Self.growing.union(["data.path", "from.path"]))
  }

  /// What becomes of a run that was made with these settings and is continued with `other`.
  func continued(with other: TrainingSettings) -> Continuation {
    if let (name, own, found) = modelDifference(from: other) {
      return .other(setting: name, expected: own, found: found)
    }
    var changes: [String] = []
    for (name, own, new) in [
      ("epochs", epochs, other.epochs), ("patience", patience, other.patience), ("steps", steps, other.steps),
    ] where own != new {
      switch (own, new) {
      case (let own?, let new?) where new > own: changes.append("\(name) \(own) made \(new)")
      case (let own?, nil) where name == "patience": changes.append("\(name) \(own) made none")
      case (let own?, _):
        return .other(
          setting: name, expected: "\(own) or more", found: new.map(String.init) ?? "none")
      case (nil, _):
        return .other(setting: name, expected: "none", found: new.map(String.init) ?? "none")
      }
    }
    return changes.isEmpty ? .same : .longer(changes)
  }
}
