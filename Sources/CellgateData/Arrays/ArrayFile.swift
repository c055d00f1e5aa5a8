import CellgateBasics
import CellgateFiles
import CellgateTensor

/// Named arrays of numbers in a file: npz, npy or safetensors.
public enum ArrayFile {
  /// The name of the array in an npy file, which has none.
  public static let onlyName = "x"

  /// What the names of files that can be written end with.
  public static let endings = ["npz", "npy", "safetensors", "csv"]

  /// Whether a file begins as one of these kinds does; false too where there is none.
  public static func isOne(_ path: String) -> Bool {
    guard let file = try? InputFile(path),
      let start = try? file.read(at: 0, count: min(file.size, 9)) as [UInt8]
    else { return false }
    // A safetensors file begins with the length of its header, which is JSON.
    return start.starts(with: [0x93] + Array("NUMPY".utf8)) || start.starts(with: Array("PK".utf8))
      || start.count == 9 && start[8] == UInt8(ascii: "{") && start[4..<8].allSatisfy { $0 == 0 }
  }

  /// The arrays of a file by name, in the file's order; the kind is known by the file's first bytes. Throws what is wrong
  /// with the file.
  public static func read(_ path: String) throws(ArrayFileError) -> [(name: String, tensor: Tensor)] {
    let start: [UInt8]
    do throws(FileError) {
      let file = try InputFile(path)
      start = try file.read(at: 0, count: min(file.size, 6)) as [UInt8]
    } catch { throw .file(error) }
    if start == [0x93] + Array("NUMPY".utf8) {
      do throws(NumpyError) {
        return [(onlyName, try tensor(try NumpyArray(path: path)))]
      } catch { throw .numpy(error) }
    }
    if start.starts(with: Array("PK".utf8)) {
      do throws(NumpyError) {
        let archive = try NumpyArchive(path: path)
        var arrays: [(name: String, tensor: Tensor)] = []
        for name in archive.names { arrays.append((name, try tensor(try archive.array(name)))) }
        return arrays
      } catch { throw .numpy(error) }
    }
    do throws(SafetensorsError) {
      let file = try Safetensors(path: path)
      var arrays: [(name: String, tensor: Tensor)] = []
      for info in file.tensors {
        arrays.append((info.name, Tensor(try file.floats(info.name), shape: info.shape)))
      }
      return arrays
    } catch { throw .safetensors(error) }
  }

  private static func tensor(_ array: NumpyArray) throws(NumpyError) -> Tensor {
    Tensor(try array.floats(), shape: array.shape)
  }

  /// Throws `ending` unless so many arrays can be written into a file of this name.
  public static func check(_ path: String, arrays count: Int) throws(ArrayFileError) {
    let ending = ending(of: path)
    guard endings.contains(ending) else { throw .ending(file: path) }
    if count != 1, ending == "npy" || ending == "csv" { throw .severalArrays(file: path, count: count) }
  }

  /// Writes arrays with the sample first into a file of the kind that its name ends with; npy and CSV hold one array alone.
  ///
  /// CSV has a row for each sample, or for each step of each sample where the array has three dimensions, and begins with the
  /// columns `sample` and `step`, which count from 0. The file is replaced whole or not at all. Throws `ending`,
  /// `severalArrays`, or what the system refuses.
  public static func write(
    _ arrays: [(name: String, tensor: Tensor)], to path: String
  ) throws(ArrayFileError) {
    try check(path, arrays: arrays.count)
    do throws(FileError) {
      switch ending(of: path) {
      case "npz":
        var writer = NumpyArchive.Writer()
        for (name, tensor) in arrays { writer.add(name, shape: tensor.shape, floats: tensor.scalars) }
        try writer.write(to: path)
      case "safetensors":
        var writer = Safetensors.Writer()
        for (name, tensor) in arrays { writer.add(name, shape: tensor.shape, floats: tensor.scalars) }
        try writer.write(to: path)
      case "npy":
        try NumpyArray(shape: arrays[0].tensor.shape, floats: arrays[0].tensor.scalars).write(to: path)
      default:
        let (name, tensor) = arrays[0]
        try AtomicFile.write(to: path) { file throws(FileError) in try writeCSV(tensor, name, to: file) }
      }
    } catch { throw .file(error) }
  }

  private static func ending(of path: String) -> String {
    let name = path.split(separator: "/").last ?? ""
    return name.contains(".") ? String(name.split(separator: ".").last ?? "").lowercased() : ""
  }

  private static func writeCSV(_ tensor: Tensor, _ name: String, to file: OutputFile) throws(FileError) {
    let isTimed = tensor.rank > 2
    let leading = Array(tensor.shape.prefix(isTimed ? 2 : 1))
    let width = tensor.shape.dropFirst(leading.count).reduce(1, *)
    let columns = width == 1 ? [name] : (0..<width).map { "\(name)_\($0)" }
    try file.write(Data((CSVWriter.line((isTimed ? ["sample", "step"] : ["sample"]) + columns)).utf8))
    let values = tensor.scalars
    let steps = isTimed ? leading[1] : 1
    for row in 0..<leading.reduce(1, *) {
      let place = isTimed ? ["\(row / steps)", "\(row % steps)"] : ["\(row)"]
      let line = CSVWriter.line(place + values[row * width..<(row + 1) * width].map { "\($0)" })
      try file.write(Data(line.utf8))
    }
  }
}

/// What is wrong with a file of arrays.
public enum ArrayFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// An npz or npy file is damaged.
  case numpy(NumpyError)
  /// A file is damaged, or none of these kinds.
  case safetensors(SafetensorsError)
  /// A file that is to be written has a name of no known kind.
  case ending(file: String)
  /// A file that is to be written is of a kind that holds one array alone.
  case severalArrays(file: String, count: Int)

  /// The error in one line: which file, what was expected, what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .numpy(let error): error.description
    case .safetensors(let error): error.description
    case .ending(let file):
      "\(file): expected a name that ends with .\(ArrayFile.endings.joined(separator: ", ."))"
    case .severalArrays(let file, let count):
      "\(file): expected one array, as .npy and .csv hold, found \(count); write .npz or .safetensors"
    }
  }
}
