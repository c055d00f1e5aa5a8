import CellgateFormats
import CellgateTensor

/// Reads typed values and tensors of a safetensors file, and names what is wrong.
struct CheckpointReader {
  let path: String
  private let file: Safetensors

  init(_ path: String) throws(RunError) {
    self.path = path
    do throws(SafetensorsError) { file = try Safetensors(path: path) } catch { throw .tensors(error) }
  }

  /// Whether the metadata have a value of this name.
  func has(_ name: String) -> Bool { file.metadata[name] != nil }

  /// What follows `prefix` in the metadata's names, sorted.
  func names(prefix: String) -> [String] {
    file.metadata.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.sorted()
  }

  /// Throws `badState` unless the value `name` is `expected`.
  func require(_ name: String, _ expected: String) throws(RunError) {
    let found = file.metadata[name]
    guard found == expected else {
      throw .badState(file: path, name: name, expected: expected, found: found ?? "nothing")
    }
  }

  /// A whole number of 0 or more.
  func count(_ name: String) throws(RunError) -> Int {
    guard let text = file.metadata[name], let value = Int(text), value >= 0 else {
      throw .badState(
        file: path, name: name, expected: "a whole number", found: file.metadata[name] ?? "nothing")
    }
    return value
  }

  /// A finite number.
  func number(_ name: String) throws(RunError) -> Double {
    guard let text = file.metadata[name], let value = Double(text), value.isFinite else {
      throw .badState(file: path, name: name, expected: "a number", found: file.metadata[name] ?? "nothing")
    }
    return value
  }

  /// The shape of a tensor; nil when there is none of this name.
  func shape(of name: String) -> [Int]? { file[name]?.shape }

  /// A tensor of finite numbers.
  func tensor(_ name: String, shape: [Int]) throws(RunError) -> Tensor {
    let values: [Float]
    do throws(SafetensorsError) {
      values = try file.floats(name, shape: shape)
    } catch { throw .tensors(error) }
    guard values.allSatisfy(\.isFinite) else { throw .notFinite(file: path, tensor: name) }
    return Tensor(values, shape: shape)
  }
}
