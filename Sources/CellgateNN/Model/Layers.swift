/// The layers by kind. A new one is a file of its own and a line here.
public enum Layers {
  /// All of them.
  public static var all: [any Layer.Type] {
    [
      Embedding.self,
      PositionEmbedding.self,
      Recurrent.self,
      Bidirectional.self,
      TimeDistributed.self,
      Dense.self,
      TiedDense.self,
      ActivationLayer.self,
      Dropout.self,
      LayerNormalization.self,
      BatchNormalization.self,
      Conv1D.self,
      MaxPooling1D.self,
      AveragePooling1D.self,
      GlobalMaxPooling1D.self,
      GlobalAveragePooling1D.self,
      LastStep.self,
      Masking.self,
      Flatten.self,
      RepeatVector.self,
      Concatenate.self,
      Add.self,
      Multiply.self,
      Average.self,
      Reverse.self,
      MaskFrom.self,
      AdditiveAttention.self,
      DotAttention.self,
      GeneralAttention.self,
      MultiHeadAttention.self,
      TransformerEncoderLayer.self,
      TransformerDecoderLayer.self,
      TransformerEncoder.self,
      TransformerDecoder.self,
      TransformerSymbolDecoder.self,
      AttentionHops.self,
      RecurrentDecoder.self,
      AttentionDecoder.self,
      SegmentForecaster.self,
      CharacterEncoder.self,
      ConditionalRandomField.self,
    ]
  }

  /// Their names in descriptions.
  public static var kinds: [String] { all.map { $0.kind } }
}
