/// The optimisers by name. A new one is a file of its own and a line here.
public enum Optimizers {
  /// All of them.
  public static var all: [any Optimizer.Type] {
    [
      SGD.self,
      RMSprop.self,
      Adam.self,
      AdamW.self,
    ]
  }

  /// Their names.
  public static var names: [String] { all.map { $0.name } }

  /// The optimiser `name` for `count` numbers; throws for an unknown name and for settings out of range.
  public static func make(
    _ name: String, count: Int, settings: OptimizerSettings = OptimizerSettings()
  ) throws(OptimizerError) -> any Optimizer {
    guard let type = all.first(where: { $0.name == name }) else {
      throw .unknownName(found: name, known: names)
    }
    try settings.validate()
    return type.init(count: count, settings: settings)
  }
}
