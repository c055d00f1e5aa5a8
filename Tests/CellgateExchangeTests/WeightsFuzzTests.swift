import Testing

@Suite struct WeightsFuzzTests {
  @Test("Damaged files of PyTorch and NumPy end in a model or an error")
  func fuzz() throws {
    let names = [
      "torch/lstm_1layer/state_dict.pt", "torch/lstm_1layer/state_dict.safetensors",
      "torch/lstm_1layer/weights.npz",
      "torch/char_lm_tied/state_dict_legacy.pt", "torch/char_lm_tied/model.safetensors",
      "torch/noncontiguous/tensors_legacy.pt", "torch/checkpoints/nested.pt",
      "torch/checkpoints/protocol5.pt",
      "torch/checkpoints/other_globals.pt", "torch/lstm_weight_norm/state_dict.pt",
      "torch/text_classifier_bidirectional/state_dict.safetensors", "npz/lstm_variants/fortran.npz",
    ]
    try ImportFuzzer.run(names.map { Interchange.bundled + "/" + $0 })
  }
}
