import CellgateBasics

/// A safetensors file: named arrays of numbers, and metadata as strings; weights as data and nothing else.
///
///     let file = try Safetensors(path: "model.safetensors")
///     let weights = try file.floats("cell.weight_ih", shape: [512, 28])
///
/// The layout is an unsigned 64-bit little-endian header length N, N bytes of JSON, and the numbers,
/// little-endian and row-major. The reader trusts nothing: the header is at most 100 MB, strict JSON without
/// duplicate names, and the tensors must cover the rest of the file exactly, one after the other. Opening reads
/// the header only; each access reads its tensor from the disk straight into the array returned. Tensors of types that
/// are not known here do no harm to the others: only their bytes can be read.
///
/// Source: https://github.com/huggingface/safetensors#format
public struct Safetensors: Sendable {
  /// The largest header accepted, in bytes, as in the reference implementation.
  public static let headerLimit = 100_000_000

  /// The name used in errors.
  public let file: String
  /// The strings under `__metadata__`; empty when there are none.
  public let metadata: [String: String]
  /// What is in the file, in the order of the bytes.
  public let tensors: [TensorInfo]

  let source: ByteSource
  let dataStart: Int
  let index: [String: Int]
  /// Of each tensor's bytes, where the file's checksum was found right.
  var checksums: [CRC32]?

  /// One tensor's entry in the header.
  public struct TensorInfo: Sendable, Equatable {
    /// The tensor's name, unique in the file.
    public let name: String
    /// The type of its numbers.
    public let dtype: Dtype
    /// Its dimensions, the rightmost changing fastest; empty for a scalar.
    public let shape: [Int]
    /// The bytes it takes, counted from the first byte after the header.
    public let bytes: Range<Int>
  }

  /// `count` values from byte `offset` of the file on.
  static func read<Value: BitwiseCopyable>(
    _ source: ByteSource, at offset: Int, count: Int, as type: Value.Type = Value.self
  ) throws(SafetensorsError) -> [Value] {
    do throws(FileError) { return try source.read(at: offset, count: count) } catch { throw .file(error) }
  }
}

#if _endian(big)
  #error("Safetensors files are little-endian and are read without swapping")
#endif
