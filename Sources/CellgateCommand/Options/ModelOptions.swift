/// Bounds of options that several commands share.
enum ModelOptions {
  /// The largest size of anything: more is a slip of the finger.
  static let largestSize = 1 << 28
  static let mostLayers = 1000
  static let mostThreads = 1024
}
