import CellgateFiles
import CellgateNN
import CellgateTensor

/// Reads typed values and tensors of a safetensors file that is whole, and names what is wrong.
package struct CheckpointReader {
  package let path: String
  /// The version of the file's layout; 1 needs no checksum.
  package let version: Int
  /// What the file says beside its tensors.
  package var metadata: [String: String] { file.metadata }
  private var file: Safetensors

  /// Opens a file of a format in a layout up to `newest`, and checks that it is whole: a checksum that is there counts
  /// in any layout. With `trusting` the checksum isn't looked at, and the metadata may be missing: other programs leave
  /// both after.
  package init(_ path: String, format: String, newest: Int, trusting: Bool = false) throws(RunError) {
    self.path = path
    do throws(SafetensorsError) { file = try Safetensors(path: path) } catch { throw .tensors(error) }
    if trusting, file.metadata["format"] == nil {
      version = newest
      return
    }
    let version = file.metadata["format_version"]
    guard file.metadata["format"] == format else {
      throw .badState(
        file: path, name: "format", expected: format, found: file.metadata["format"] ?? "nothing")
    }
    guard let number = version.flatMap({ Int($0) }), (1...newest).contains(number) else {
      throw .badState(
        file: path, name: "format_version", expected: "1 to \(newest)", found: version ?? "nothing")
    }
    self.version = number
    if trusting || (number == 1 && file.metadata["checksum"] == nil) { return }
    do throws(SafetensorsError) { file = try file.verified() } catch { throw .tensors(error) }
  }

  /// Throws unless the file's tensors are exactly `shapes`.
  package func check(holds shapes: some Sequence<ParameterShape>) throws(RunError) {
    if let mismatch = Self.mismatch(file, shapes) { throw mismatch }
  }

  /// Throws unless the tensors after `prefix` in the file of a run are exactly `shapes`. Reads the header alone, unless
  /// they differ: then a damaged file is named as one.
  static func check(
    _ path: String, format: String, newest: Int, holds shapes: some Sequence<ParameterShape>,
    prefix: String = ""
  ) throws(RunError) {
    let file: Safetensors
    do throws(SafetensorsError) { file = try Safetensors(path: path) } catch { throw .tensors(error) }
    guard let mismatch = mismatch(file, shapes, prefix: prefix) else { return }
    _ = try CheckpointReader(path, format: format, newest: newest)
    throw mismatch
  }

  /// The first difference between the tensors after `prefix` and `shapes`.
  static func mismatch(
    _ file: Safetensors, _ shapes: some Sequence<ParameterShape>, prefix: String = ""
  ) -> RunError? {
    var count = 0
    for shape in shapes {
      do throws(SafetensorsError) {
        let info = try file.info(prefix + shape.name, shape: shape.shape)
        if isOfBytes(info) {
          _ = try file.info(info.name + ModelFile.scaleSuffix, shape: [info.shape[0]])
          count += 1
        }
      } catch { return .tensors(error) }
      count += 1
    }
    let found = file.tensors.count { $0.name.hasPrefix(prefix) }
    return found == count
      ? nil
      : .badState(
        file: file.file, name: "tensors", expected: "\(count) parameters of the settings' model",
        found: "\(found)")
  }

  /// Whether a tensor is a matrix of signed bytes, whose rows have scales.
  private static func isOfBytes(_ info: Safetensors.TensorInfo) -> Bool {
    info.dtype == .i8 && info.shape.count == 2
  }

  /// The shapes of the file's tensors by name.
  package var shapes: [String: [Int]] {
    Dictionary(file.tensors.map { ($0.name, $0.shape) }) { first, _ in first }
  }

  /// Whether the metadata have a value of this name.
  package func has(_ name: String) -> Bool { file.metadata[name] != nil }

  /// What follows `prefix` in the metadata's names, sorted.
  package func names(prefix: String) -> [String] {
    file.metadata.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.sorted()
  }

  /// Throws `badState` unless the value `name` is `expected`.
  package func require(_ name: String, _ expected: String) throws(RunError) {
    let found = file.metadata[name]
    guard found == expected else {
      throw .badState(file: path, name: name, expected: expected, found: found ?? "nothing")
    }
  }

  /// A whole number within bounds, which nothing that is computed from it can overflow.
  package func count(_ name: String, in range: ClosedRange<Int>) throws(RunError) -> Int {
    guard let text = file.metadata[name], let value = Int(text), range.contains(value) else {
      let (least, most) = (range.lowerBound, range.upperBound)
      throw .badState(
        file: path, name: name,
        expected: least == most ? "\(least)" : "a whole number from \(least) to \(most)",
        found: file.metadata[name] ?? "nothing")
    }
    return value
  }

  /// A finite number.
  package func number(_ name: String) throws(RunError) -> Double {
    guard let text = file.metadata[name], let value = Double(text), value.isFinite else {
      throw .badState(file: path, name: name, expected: "a number", found: file.metadata[name] ?? "nothing")
    }
    return value
  }

  /// A time in seconds, of less than a hundred million years.
  func seconds(_ name: String) throws(RunError) -> Double {
    let value = try number(name)
    guard (0...1e15).contains(value) else {
      throw .badState(file: path, name: name, expected: "0 to 1e+15 seconds", found: "\(value)")
    }
    return value
  }

  /// A tensor of finite numbers.
  package func tensor(_ name: String, shape: [Int]) throws(RunError) -> Tensor {
    if let info = file[name], info.shape == shape, Self.isOfBytes(info) { return try matrixOfBytes(info) }
    let values: [Float]
    do throws(SafetensorsError) {
      values = try file.floats(name, shape: shape)
    } catch { throw .tensors(error) }
    guard values.allSatisfy(\.isFinite) else { throw .notFinite(file: path, tensor: name) }
    return Tensor(values, shape: shape)
  }

  /// A matrix whose rows are signed bytes times a scale.
  private func matrixOfBytes(_ info: Safetensors.TensorInfo) throws(RunError) -> Tensor {
    let (rows, columns) = (info.shape[0], info.shape[1])
    let bytes: [UInt8], scales: [Float]
    do throws(SafetensorsError) {
      bytes = try file.bytes(info.name)
      scales = try file.floats(info.name + ModelFile.scaleSuffix, shape: [rows])
    } catch { throw .tensors(error) }
    let signed = bytes.map { Int8(bitPattern: $0) }
    guard let matrix = ByteMatrix(rows: rows, columns: columns, bytes: signed, scales: scales) else {
      throw .badState(
        file: path, name: info.name,
        expected: "bytes from -127 to 127 and finite scales of 16 significant bits",
        found: "others")
    }
    return matrix.tensor
  }

  /// The numbers of all parameters, in one tensor as in `ParameterSet.values`; each in a tensor of its name after
  /// `prefix`.
  package func values(of parameters: ParameterSet, prefix: String = "") throws(RunError) -> Tensor {
    try values(of: parameters) { prefix + $0 }
  }

  /// As `values(of:prefix:)`, each in a tensor of the name that `name` gives.
  func values(of parameters: ParameterSet, name: (String) -> String) throws(RunError) -> Tensor {
    var values: [Float] = []
    values.reserveCapacity(parameters.count)
    for entry in parameters.entries {
      values += try tensor(name(entry.name), shape: entry.shape).scalars
    }
    return Tensor(values, shape: [values.count])
  }
}

extension ParameterSet {
  /// Each parameter with its window of `values` [count].
  package func windows(of values: Tensor) -> [(entry: Entry, value: Tensor)] {
    entries.map { ($0, Tensor(storage: values.storage, offset: values.offset + $0.offset, shape: $0.shape)) }
  }

  /// Puts `values` [count] in place of the parameters'.
  package func assign(_ values: Tensor) {
    for (entry, value) in windows(of: values) { entry.parameter.assign(value) }
  }
}
