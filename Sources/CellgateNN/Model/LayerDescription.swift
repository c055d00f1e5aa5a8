import CellgateBasics

/// A layer as data: its name in the model, its kind and its options.
public struct LayerDescription: Codable, Equatable, Sendable {
  /// The name, not empty and without a dot; it goes before the names of the layer's parameters.
  public var name: String
  /// The kind, a name in `Layers` or one of a user's own layers.
  public var kind: String
  /// The options of the kind.
  public var options: any LayerOptions

  private let maker: @Sendable (any LayerOptions) -> (any Layer)?

  /// The description of a layer.
  public init(_ layer: some Layer, name: String) {
    self.init(name: name, type(of: layer), layer.options)
  }

  private init<Made: Layer>(name: String, _ type: Made.Type, _ options: Made.Options) {
    self.name = name
    kind = type.kind
    self.options = options
    maker = { ($0 as? Made.Options).map { Made($0) } }
  }

  /// A layer that is not built; throws `badOption`.
  public func make() throws(LayerError) -> any Layer {
    if let problem = options.problem { throw .badOption(layer: name, reason: problem) }
    guard let layer = maker(options) else {
      throw .badOption(layer: name, reason: "expected options of the kind \(kind), found others")
    }
    return layer
  }

  /// The same kind, name and options.
  public static func == (left: LayerDescription, right: LayerDescription) -> Bool {
    func same<Options: LayerOptions>(_ options: Options) -> Bool { right.options as? Options == options }
    return left.name == right.name && left.kind == right.kind && same(left.options)
  }

  private enum CodingKeys: String, CodingKey { case name, kind, options }

  /// What a decoder's `userInfo` holds the layers of a user's own under, `[any Layer.Type]`.
  static let ownLayers = CodingUserInfoKey(rawValue: "layers")

  /// Reads a description, whose kind must be known.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let (name, kind) = (
      try values.decode(String.self, forKey: .name), try values.decode(String.self, forKey: .kind)
    )
    let own = Self.ownLayers.flatMap { decoder.userInfo[$0] as? [any Layer.Type] } ?? []
    guard let type = (own + Layers.all).first(where: { $0.kind == kind }) else {
      throw LayerError.unknownKind(layer: name, kind: kind, known: own.map { $0.kind } + Layers.kinds)
    }
    func read<Made: Layer>(_ type: Made.Type) throws -> LayerDescription {
      LayerDescription(name: name, type, try values.decode(Made.Options.self, forKey: .options))
    }
    self = try read(type)
  }

  /// Writes the description.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(name, forKey: .name)
    try values.encode(kind, forKey: .kind)
    try values.encode(options, forKey: .options)
  }
}
