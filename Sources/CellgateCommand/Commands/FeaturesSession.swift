import Cellgate
import CellgateBasics
import CellgateFiles
import CellgateTensor
import Synchronization

/// A file of features: the means of pictures, or the regions of a grid.
struct FeaturesOutput {
  let path: String
  /// Parts of each side; nil for the mean.
  let grid: Int?

  /// The shape of a picture's features.
  func shape(_ architecture: PictureArchitecture) -> [Int] {
    (grid.map { [$0 * $0] } ?? []) + [architecture.features]
  }

  /// The features of a batch's regions [B, H, W, D].
  func features(_ regions: Tensor) -> Tensor {
    guard let grid else { return PictureNetwork.pooled(regions) }
    return PictureNetwork.grid(regions, height: grid, width: grid)
  }
}

/// The files of a folder and those below it.
struct PictureFolder {
  private let path: String

  init(_ path: String) { self.path = path }

  /// Their paths below the folder, sorted; names that begin with a dot are left out. Throws if a folder can't be read.
  func files() throws(CommandFailure) -> [String] {
    guard Paths.isFolder(path) else {
      let isThere = FileManager.default.fileExists(atPath: path)
      throw CommandFailure(
        .noInput, "\(path): \(isThere ? "expected a folder, found a file" : "no such folder")")
    }
    var files: [String] = []
    try add("", to: &files)
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private func add(_ folder: String, to files: inout [String]) throws(CommandFailure) {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path + "/" + folder)
    } catch {
      throw CommandFailure(.noInput, "\(path)/\(folder): the folder can't be read")
    }
    for name in names where !name.hasPrefix(".") {
      let place = path + "/" + folder + name
      let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: place)) != nil
      if !Paths.isFolder(place) {
        files.append(folder + name)
      } else if !isLink {
        try add(folder + name + "/", to: &files)
      }
    }
  }
}

/// Pictures through a network, batch after batch, into files.
struct FeaturesSession {
  let network: PictureNetwork
  let preprocessing: PicturePreprocessing
  let folder: String
  let files: [String]
  let batch: Int
  let skipsBad: Bool
  let isSilent: Bool

  /// What came of it.
  struct Result {
    var pictures = 0
    var skipped: [(file: String, reason: String)] = []
    var seconds = 0.0
  }

  func run(_ outputs: [FeaturesOutput]) throws -> Result {
    let start = ProcessInfo.processInfo.systemUptime
    let architecture = network.architecture
    let metadata = [
      "network": architecture.name, "picture_size": "\(preprocessing.size)",
      "picture_crop": "\(preprocessing.crop)",
    ]
    let writers = try outputs.map { output throws(FileError) in
      try Safetensors.RowWriter(
        output.path, names: files, shape: output.shape(architecture), metadata: metadata)
    }
    let display = LiveDisplay([architecture.name], unit: "pictures", isSilent: isSilent)
    defer { display.close() }
    let stop = StopRequest { Interruption.isRequested }
    var result = Result()
    display.update(0, done: 0, total: files.count, note: "")
    for first in stride(from: 0, to: files.count, by: batch) {
      let names = Array(files[first..<min(files.count, first + batch)])
      let read = pictures(names)
      try Interruption.check()
      var (good, kept): ([RGBPicture], [String]) = ([], [])
      for (name, picture) in zip(names, read) {
        switch picture {
        case .success(let picture):
          good.append(picture)
          kept.append(name)
        case .failure(let error):
          // Without the library every JPEG picture would be left out.
          if case .noJPEGLibrary = error { throw error }
          guard skipsBad else { throw failure(error) }
          result.skipped.append((file(name), error.description))
          if !isSilent { Console.warn("\(error); left out") }
        }
      }
      if !good.isEmpty {
        let regions = network(preprocessing.standardized(good), stop: stop)
        try Interruption.check()
        for (output, writer) in zip(outputs, writers) {
          let features = output.features(regions)
          let numbers = features.scalars
          let size = numbers.count / good.count
          for (index, name) in kept.enumerated() {
            try writer.add(name, Array(numbers[index * size..<(index + 1) * size]))
          }
        }
        result.pictures += good.count
      }
      display.update(0, done: first + names.count, total: files.count, note: "")
    }
    guard result.pictures > 0 else {
      throw CommandFailure(.data, "\(folder): expected pictures in the folder, found none that can be read")
    }
    for writer in writers { try writer.finish() }
    result.seconds = ProcessInfo.processInfo.systemUptime - start
    display.finish(0, verdict: "done in \(Text.duration(result.seconds))")
    return result
  }

  /// A picture's file, by its path below the folder or from the root.
  private func file(_ name: String) -> String { name.hasPrefix("/") ? name : folder + "/" + name }

  private func failure(_ error: PictureError) -> any Error {
    if case .file = error { return error }
    return CommandFailure(.data, "\(error); --skip-bad leaves such files out")
  }

  /// The pictures' middles, several read at once.
  private func pictures(_ names: [String]) -> [Swift.Result<RGBPicture, PictureError>] {
    let results = Mutex([Swift.Result<RGBPicture, PictureError>?](repeating: nil, count: names.count))
    ThreadPool.current.run(over: names.count, grain: 1) { range in
      for index in range where !Interruption.isRequested {
        let result: Swift.Result<RGBPicture, PictureError>
        do throws(PictureError) {
          result = .success(preprocessing.cropped(try RGBPicture(contentsOf: file(names[index]))))
        } catch {
          result = .failure(error)
        }
        results.withLock { $0[index] = result }
      }
    }
    return results.withLock { results in
      zip(names, results).map { name, result in
        result ?? .failure(.file(.cannotRead(file: file(name), reason: "interrupted")))
      }
    }
  }
}

extension PictureNetwork {
  /// The network of weights in a safetensors file, or in a PyTorch file (`.pth`), which is read as data: nothing in it is
  /// executed.
  static func reading(_ architecture: PictureArchitecture, weights path: String) throws -> PictureNetwork {
    do throws(PictureNetworkError) {
      return try PictureNetwork(architecture, weights: path)
    } catch {
      guard case .isPyTorch = error else { throw error }
    }
    var options = ImportOptions()
    options.architecture = Architecture(.object([.init("kind", .string("tensors"))]))
    var writer = Safetensors.Writer()
    // How many batches a normalisation has seen is no weight.
    for entry in try ModelImporter.read(path, options: options).state.entries
    where !entry.name.hasSuffix("num_batches_tracked") {
      writer.add(entry.name, shape: entry.tensor.shape, floats: entry.tensor.scalars)
    }
    return try PictureNetwork(architecture, weights: Safetensors(data: Array(writer.encode()), file: path))
  }
}
