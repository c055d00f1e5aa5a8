import CellgateFiles
import CellgateNN
import CellgateTensor

/// A variable of a Keras layer.
struct KerasArray {
  let path: String
  let shape: [Int]
  let values: [Float]
}

/// Where the variables of a Keras model are.
final class KerasWeights {
  private let file: String
  private let store: Store
  /// Bytes of numbers that may still be read: all together no more than the file has.
  private var left: Int
  /// Types other than float32 that were read.
  private(set) var types: Set<String> = []
  /// Variables that hold NaN.
  private(set) var notNumbers: [String] = []

  private enum Store {
    /// Keras 3's layout: variables by path, in one file or several.
    case paths([HDF5File.Group])
    /// The layout of legacy files: a group for each layer, with the names of its variables in order.
    case legacy(HDF5File.Group)
  }

  /// The variables of a file in Keras 3's layout.
  init(paths: [HDF5File.Group], bytes: Int, file: String) {
    self.file = file
    store = .paths(paths)
    left = bytes
  }

  /// The variables of a legacy file's group.
  init(legacy: HDF5File.Group, bytes: Int, file: String) {
    self.file = file
    store = .legacy(legacy)
    left = bytes
  }

  /// An object of a layer that has variables, and what becomes of them.
  struct Part {
    /// The layer of the outermost model that it is in.
    let layer: String
    /// Where its `vars` are in Keras 3's layout: "layers/lstm/cell".
    let path: String
    /// For each variable whether it is trained.
    let isTrainable: [Bool]
    /// Its tensors of the variables, in order.
    let convert: ([KerasArray]) throws(ImportError) -> [StateDictionary.Entry]
  }

  /// The tensors of all parts.
  func entries(_ parts: [Part]) throws(ImportError) -> [StateDictionary.Entry] {
    var entries: [StateDictionary.Entry] = []
    switch store {
    case .paths(let roots):
      for part in parts {
        var arrays: [KerasArray] = []
        for index in part.isTrainable.indices {
          arrays.append(try array("\(part.path)/vars/\(index)", roots))
        }
        entries += try part.convert(arrays)
      }
    case .legacy(let root):
      var order: [String] = []
      var byLayer: [String: [Part]] = [:]
      for part in parts {
        if byLayer[part.layer] == nil { order.append(part.layer) }
        byLayer[part.layer, default: []].append(part)
      }
      for layer in order { entries += try legacy(byLayer[layer] ?? [], layer, root) }
    }
    return entries
  }

  /// The variables of a layer in the order of its group: those that are trained, then the others.
  private func legacy(
    _ parts: [Part], _ layer: String, _ root: HDF5File.Group
  ) throws(ImportError) -> [StateDictionary.Entry] {
    let arrays = try legacyArrays(layer, root)
    let flags = parts.flatMap(\.isTrainable)
    guard arrays.count == flags.count else {
      throw .damaged(
        file: file,
        reason: "layer '\(quotedName(layer))': expected \(flags.count) variables, found \(arrays.count)")
    }
    let order = flags.indices.filter { flags[$0] } + flags.indices.filter { !flags[$0] }
    var places = [Int](repeating: 0, count: flags.count)
    for (place, variable) in order.enumerated() { places[variable] = place }
    var entries: [StateDictionary.Entry] = []
    var next = 0
    for part in parts {
      let count = part.isTrainable.count
      entries += try part.convert(places[next..<next + count].map { arrays[$0] })
      next += count
    }
    return entries
  }

  private func legacyArrays(_ layer: String, _ root: HDF5File.Group) throws(ImportError) -> [KerasArray] {
    do throws(HDF5Error) {
      let group = try root.group(layer)
      var arrays: [KerasArray] = []
      for name in try Self.names("weight_names", of: group) {
        arrays.append(try array(try group.dataset(name), "\(layer)/\(name)"))
      }
      return arrays
    } catch { throw Self.error(error, file) }
  }

  /// A list of names, which is in several attributes where it is long.
  static func names(_ attribute: String, of group: HDF5File.Group) throws(HDF5Error) -> [String] {
    if let names = try group.strings(attribute) { return names }
    var names: [String] = []
    var index = 0
    while let part = try group.strings("\(attribute)\(index)") {
      names += part
      index += 1
    }
    return names
  }

  private func array(_ path: String, _ roots: [HDF5File.Group]) throws(ImportError) -> KerasArray {
    do throws(HDF5Error) {
      for root in roots {
        if case .dataset(let dataset)? = try root.object(path) { return try array(dataset, path) }
      }
      throw .missing(file: file, object: path)
    } catch { throw Self.error(error, file) }
  }

  private func array(_ dataset: HDF5File.Dataset, _ path: String) throws(HDF5Error) -> KerasArray {
    left -= dataset.byteCount
    guard left >= 0 else {
      throw .tooLarge(
        file: file, what: "expected variables that each have numbers of their own, found some that share them"
      )
    }
    let kind = try dataset.strings("dtype")?.first
    if let kind, kind != "float32", kind != "\(dataset.type)" {
      throw .unsupported(file: file, object: path, feature: "numbers of the type \(kind)")
    }
    let values = try dataset.floats()
    if dataset.type != .float(bytes: 4, isBigEndian: false) { types.insert("\(dataset.type)") }
    if values.contains(where: \.isNaN) { notNumbers.append(path) }
    return KerasArray(path: path, shape: dataset.shape, values: values)
  }

  /// All variables under their names in the file, but for those of optimizers and metrics.
  func all() throws(ImportError) -> (arrays: [KerasArray], left: [String]) {
    var arrays: [KerasArray] = []
    var left: [String] = []
    do throws(HDF5Error) {
      switch store {
      case .paths(let roots):
        for root in roots {
          for (path, dataset) in try root.datasets() {
            let first = path.split(separator: "/").first.map(String.init) ?? path
            if ["optimizer", "metrics", "optimizer_weights"].contains(first)
              || path.contains("seed_generator")
            {
              if !left.contains(first) { left.append(first) }
            } else {
              arrays.append(try array(dataset, path))
            }
          }
        }
      case .legacy(let root):
        for layer in try Self.names("layer_names", of: root) {
          let group = try root.group(layer)
          for name in try Self.names("weight_names", of: group) {
            arrays.append(try array(try group.dataset(name), "\(layer)/\(name)"))
          }
        }
      }
    } catch { throw Self.error(error, file) }
    var names: Set<String> = []
    for array in arrays where !names.insert(array.path).inserted {
      throw .damaged(
        file: file, reason: "expected each variable once, found '\(quotedName(array.path))' twice")
    }
    return (arrays, left)
  }

  /// An error of the file's structure; `file` is what the error names, and what it is to name unless that is nil.
  static func error(_ error: HDF5Error, _ file: String?) -> ImportError {
    let name = error.file
    let text = "\(error)"
    let reason = text.hasPrefix(name + ": ") ? String(text.dropFirst(name.count + 2)) : text
    let inner =
      file.map { name.hasPrefix($0 + ": ") ? String(name.dropFirst($0.count + 2)) + ": " : "" } ?? ""
    switch error {
    case .file(let error): return .file(error)
    case .unsupported: return .unsupported(file: file ?? name, reason: inner + reason)
    default: return .damaged(file: file ?? name, reason: inner + reason)
    }
  }
}

extension KerasArray {
  /// A matrix `[rows, blocks · columns]` with its blocks of columns as blocks of rows, in another order:
  /// `[blocks · columns, rows]`.
  func stacked(_ order: [Int], _ units: Int, _ title: String, file: String) throws(ImportError) -> Tensor {
    guard shape.count == 2, shape[1] == order.count * units else {
      throw .damaged(
        file: file,
        reason: "\(title): '\(quotedName(path))': expected [rows, \(order.count * units)], found \(shape)")
    }
    let (rows, width) = (shape[0], shape[1])
    var result = [Float](repeating: 0, count: values.count)
    for (place, block) in order.enumerated() {
      for unit in 0..<units {
        let (target, column) = ((place * units + unit) * rows, block * units + unit)
        for row in 0..<rows { result[target + row] = values[row * width + column] }
      }
    }
    return Tensor(result, shape: [width, rows])
  }

  /// A vector `[blocks · units]` with its blocks in another order, or row `row` of a matrix of such.
  func reordered(
    _ order: [Int], _ units: Int, row: Int? = nil, of count: Int = 1, _ title: String, file: String
  ) throws(ImportError) -> Tensor {
    let expected = (row == nil ? [] : [count]) + [order.count * units]
    guard shape == expected else {
      throw .damaged(
        file: file, reason: "\(title): '\(quotedName(path))': expected \(expected), found \(shape)")
    }
    let begin = (row ?? 0) * order.count * units
    return Tensor(
      order.flatMap { values[begin + $0 * units..<begin + ($0 + 1) * units] }, shape: [order.count * units])
  }

  /// The array as it is.
  func tensor(rank: Int, _ title: String, file: String) throws(ImportError) -> Tensor {
    guard shape.count == rank else {
      throw .damaged(
        file: file,
        reason: "\(title): '\(quotedName(path))': expected \(rank) dimensions, found \(shape)")
    }
    return Tensor(values, shape: shape)
  }
}
