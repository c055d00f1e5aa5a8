/// What a run writes into its folder on the way to its result. It changes no result.
public struct RunRecording: Sendable, Equatable {
  /// The longest time in seconds between two checkpoints, looked at after each update.
  public var checkpointSeconds = 60.0
  /// The most updates between two checkpoints; nil for no limit.
  public var checkpointSteps: Int?
  /// Whether scalars for TensorBoard are written.
  public var writesTensorBoard = false
  /// With N the recurrent layers are observed at every N-th update, from the first on; nil for not at all, but a
  /// continued run goes on with its own N. Needs a folder.
  public var diagnosticsEvery: Int?

  /// The usual: a checkpoint each minute, and nothing else.
  public init(checkpointSteps: Int? = nil, writesTensorBoard: Bool = false, diagnosticsEvery: Int? = nil) {
    self.checkpointSteps = checkpointSteps
    self.writesTensorBoard = writesTensorBoard
    self.diagnosticsEvery = diagnosticsEvery
  }
}
