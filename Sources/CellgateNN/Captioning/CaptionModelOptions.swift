import CellgateCells
import CellgateTensor

/// A model that writes what a picture shows, of its features.
///
/// ```swift
/// var options = CaptionModelOptions(.showAttendTell, cell: .lstmWM, vocabularySize: 2538, featureSize: 1280)
/// options.attentionUnits = 512
/// let captions = try DecodingModel(options.model(seed: 1))
/// ```
///
/// The model is a graph like any other: its inputs are "features" and "words", its last layer decodes.
public struct CaptionModelOptions: Sendable {
  /// How a model looks at a picture.
  public enum Form: String, Sendable, CaseIterable {
    /// A recurrent language model that begins with the picture's features `[B, F]` (Vinyals et al. 2015,
    /// https://arxiv.org/abs/1411.4555).
    case showAndTell = "show-and-tell"
    /// Attention over the features `[R, B, F]` of a picture's regions, before the cell (Xu et al. 2015,
    /// https://arxiv.org/abs/1502.03044).
    case showAttendTell = "show-attend-tell"
    /// Attention over the regions between two cells (Anderson et al. 2018, https://arxiv.org/abs/1707.07998).
    case upDown = "up-down"

    /// Whether it looks at regions `[R, B, F]`, not at features `[B, F]` of the whole picture.
    public var seesRegions: Bool { self != .showAndTell }
  }

  /// How the model looks at a picture.
  public var form: Form
  /// The recurrent layers: the cell, H, L, and how they are regularised. Dropout between layers is `dropout`.
  public var recurrent: RecurrentOptions
  /// The cell of `recurrent`, of both recurrent parts unless `secondCell` is another.
  public var cell: Cell {
    get { recurrent.cell.cell }
    set { recurrent.cell = CellText(newValue) }
  }
  /// The second cell of `.upDown`.
  public var secondCell: Cell?
  /// V.
  public var vocabularySize: Int
  /// F.
  public var featureSize: Int
  /// H of `recurrent`.
  public var units: Int {
    get { recurrent.units }
    set { recurrent.units = newValue }
  }
  /// E.
  public var embeddingSize = 512
  /// A, the size in which attention compares.
  public var attentionUnits = 512
  /// The share of numbers that is dropped, of outputs and of mapped features.
  public var dropout: Float = 0.5
  /// The share that is dropped of words' vectors. Where none is, what the cell makes of equal words is computed once.
  public var embeddingDropout: Float = 0
  /// The share that is dropped of outputs; nil for `dropout`.
  public var outputDropout: Float?
  /// What is applied to words' vectors.
  public var embeddingActivation = Activation.linear
  /// The size that features are mapped to first, max(W x + b, 0), with dropout; nil for none.
  public var mappedSize: Int?
  /// Whether logits are made with the words' vectors.
  public var tiesWeights = false
  /// How the picture comes to the cell of `.showAndTell`.
  public var subject = RecurrentDecoder.Subject.firstInput
  /// What the first states of the others are.
  public var firstStates = AttentionDecoder.FirstStates.summary
  /// Whether the context of `.showAttendTell` is gated.
  public var gatesContext = false

  /// A form with its sizes, else the defaults.
  public init(_ form: Form, cell: Cell, vocabularySize: Int, featureSize: Int) {
    self.form = form
    recurrent = RecurrentOptions(cell: cell, units: 512)
    self.vocabularySize = vocabularySize
    self.featureSize = featureSize
  }

  /// Published settings of ImageCaptioning.pytorch (https://github.com/ruotianluo/ImageCaptioning.pytorch), whose FC,
  /// Att2in2 and UpDown models have cells of their own.
  public enum Preset: String, Sendable, CaseIterable {
    /// The FC model: 512 units, vectors of 512 numbers, dropout 0.5.
    case fc
    /// Att2in2: 512 units, features mapped to 512 numbers, attention in 512 dimensions, dropout 0.5, first states of 0.
    case att2in
    /// UpDown: 1,000 units, vectors of 1,000 numbers, features mapped to 1,000, attention in 512 dimensions.
    case upDown = "up-down"
  }

  /// The settings of a preset.
  public init(_ preset: Preset, cell: Cell, vocabularySize: Int, featureSize: Int) {
    let form: Form =
      switch preset {
      case .fc: .showAndTell
      case .att2in: .showAttendTell
      case .upDown: .upDown
      }
    self.init(form, cell: cell, vocabularySize: vocabularySize, featureSize: featureSize)
    if preset == .fc { return }
    (embeddingActivation, firstStates, embeddingDropout) = (.relu, .zeros, dropout)
    if preset == .upDown { (units, embeddingSize) = (1000, 1000) }
    mappedSize = units
  }

  /// The model, its parameters drawn from `seed`. Throws for options that don't fit.
  public func model(seed: UInt64 = 1) throws(LayerError) -> Model { try Model(description(), seed: seed) }

  /// The model as data. Throws for options that don't fit.
  public func description() throws(LayerError) -> ModelDescription {
    let shape = LayerShape(isSequence: form.seesRegions, features: [featureSize])
    var layers: [LayerDescription] = []
    if let mappedSize {
      let map = Dense.Options(units: mappedSize)
      try map.check("features")
      var options = map
      options.activation = .relu
      layers.append(LayerDescription(Dense(options), name: "features"))
      if dropout > 0 {
        let noise = Dropout.Options(rate: dropout)
        try noise.check("dropout")
        layers.append(LayerDescription(Dropout(noise), name: "dropout"))
      }
    }
    layers.append(try decoder())
    return .decoding(.init("features", shape), .init("words", .sequence()), layers: layers)
  }

  /// The decoding layer.
  private func decoder() throws(LayerError) -> LayerDescription {
    var symbols = SymbolOptions(vocabularySize: vocabularySize, embeddingSize: embeddingSize)
    symbols.embeddingActivation = embeddingActivation
    symbols.embeddingDropout = embeddingDropout
    symbols.dropout = outputDropout ?? dropout
    symbols.tiesWeights = tiesWeights
    func recurrent(_ cell: Cell) -> RecurrentOptions {
      var options = self.recurrent
      options.cell = CellText(cell)
      options.dropout = options.layers > 1 ? dropout : 0
      return options
    }
    if form == .showAndTell {
      let options = RecurrentDecoder.Options(symbols: symbols, recurrent: recurrent(cell), subject: subject)
      try options.check("decoder")
      return LayerDescription(RecurrentDecoder(options), name: "decoder")
    }
    let attention = AdditiveAttention.Options(units: attentionUnits)
    try attention.check("attention")
    var options = AttentionDecoder.Options(
      symbols: symbols, recurrent: recurrent(cell), attention: AdditiveAttention(attention),
      placement: form == .upDown ? .between : .before,
      second: form == .upDown ? recurrent(secondCell ?? cell) : nil)
    options.firstStates = firstStates
    options.gatesContext = form == .showAttendTell && gatesContext
    try options.check("decoder")
    return LayerDescription(AttentionDecoder(options), name: "decoder")
  }
}
