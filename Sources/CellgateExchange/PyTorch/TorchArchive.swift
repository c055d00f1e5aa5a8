import CellgateFiles

/// A state dict as `torch.save` writes it: a zip of a pickle and of each tensor's bytes.
package enum TorchArchive {
  /// The archive of tensors in float32. Source: what `torch.save` of version 2 writes, see `TorchZip`.
  package static func writer(_ tensors: [(name: String, shape: [Int], values: [Float])]) -> ZipArchive.Writer
  {
    var pickle = PickleBytes()
    pickle.begin()
    for (key, tensor) in tensors.enumerated() {
      pickle.text(tensor.name)
      pickle.tensor(key: "\(key)", shape: tensor.shape, count: tensor.values.count)
    }
    pickle.end()
    var zip = ZipArchive.Writer()
    zip.add("archive/data.pkl", bytes: pickle.bytes)
    zip.add("archive/byteorder", bytes: Array("little".utf8))
    for (key, tensor) in tensors.enumerated() {
      zip.add("archive/data/\(key)", bytes: unsafe tensor.values.withUnsafeBytes { unsafe Array($0) })
    }
    zip.add("archive/version", bytes: Array("3\n".utf8))
    return zip
  }
}

/// The pickle of a dictionary of tensors, protocol 2.
private struct PickleBytes {
  private(set) var bytes: [UInt8] = []

  /// PROTO 2, an ordered dictionary, MARK.
  mutating func begin() {
    bytes = [0x80, 2]
    dictionary()
    bytes.append(UInt8(ascii: "("))
  }

  /// SETITEMS, STOP.
  mutating func end() { bytes += Array("u.".utf8) }

  private mutating func global(_ module: String, _ name: String) {
    bytes += Array("c\(module)\n\(name)\n".utf8)
  }

  private mutating func dictionary() {
    global("collections", "OrderedDict")
    bytes += Array(")R".utf8)
  }

  /// BINUNICODE.
  mutating func text(_ text: String) {
    let own = Array(text.utf8)
    bytes.append(UInt8(ascii: "X"))
    bytes += littleEndian(UInt32(own.count)) + own
  }

  /// LONG1, which has any size.
  private mutating func number(_ value: Int) {
    bytes += [0x8A, 8] + littleEndian(Int64(value))
  }

  private mutating func tuple(_ values: [Int]) {
    bytes.append(UInt8(ascii: "("))
    for value in values { number(value) }
    bytes.append(UInt8(ascii: "t"))
  }

  /// `_rebuild_tensor_v2` of a whole storage.
  mutating func tensor(key: String, shape: [Int], count: Int) {
    global("torch._utils", "_rebuild_tensor_v2")
    bytes += Array("((".utf8)
    text("storage")
    global("torch", "FloatStorage")
    text(key)
    text("cpu")
    number(count)
    bytes += Array("tQ".utf8)
    number(0)
    tuple(shape)
    var strides = [Int](repeating: 1, count: shape.count)
    for index in shape.indices.dropLast().reversed() {
      strides[index] = strides[index + 1] * max(shape[index + 1], 1)
    }
    tuple(strides)
    bytes.append(0x89)
    dictionary()
    bytes += Array("tR".utf8)
  }
}
