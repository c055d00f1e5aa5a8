import ArgumentParser

/// Whether models are used that other programs have written.
struct TrustOptions: ParsableArguments {
  @Flag(
    name: .customLong("trust-weights"),
    help: "Use a model whose checksum is missing or of other bytes, such as one edited in Python.")
  var weights = false
}
