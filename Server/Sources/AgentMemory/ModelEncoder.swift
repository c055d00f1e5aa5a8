import Cellgate
import Foundation
import Synchronization

/// An encoder that `cellgate train encoder` made.
///
/// ```swift
/// var options = MemoryStore.Options()
/// options.encoder = try ModelEncoder("runs/encoder-lstm")
/// let memory = try MemoryStore("memory.sqlite", options: options)
/// try memory.encodeMissing()          // records that were stored with another encoder
/// ```
public final class ModelEncoder: MemoryEncoder {
  /// `model-` and a hash of the file.
  public let name: String
  public let dimension: Int
  private let encoder: Mutex<SentenceEncoder>

  /// The encoder of a model's file, or of a run's folder. Throws `encoder` for a file that can't be read, or for a model of other data.
  public init(_ path: String) throws(MemoryError) {
    let model: Model
    do { model = try Model.load(path) } catch { throw .encoder(reason: "\(error)") }
    guard let encoder = SentenceEncoder(model) else {
      throw .encoder(reason: "\(path): expected a model of 'cellgate train encoder', found one of other data")
    }
    let file = path + "/model.safetensors"
    let isFolder = FileManager.default.fileExists(atPath: file)
    guard let bytes = FileManager.default.contents(atPath: isFolder ? file : path) else {
      throw .encoder(reason: "\(path): the file can't be read")
    }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01b3 }
    name = "model-" + String(hash, radix: 16)
    dimension = encoder.dimension
    self.encoder = Mutex(encoder)
  }

  public func vectors(_ texts: [String]) -> [[Float]] {
    encoder.withLock { encoder in
      let (numbers, size) = (encoder.vectors(texts).scalars, encoder.dimension)
      return texts.indices.map { Array(numbers[$0 * size..<($0 + 1) * size]) }
    }
  }
}
