import CellgateBasics
import CellgateFiles
import CellgateTensor

/// What a network has made of pictures: a vector of D numbers for each, or of R regions of each.
///
/// ```swift
/// let features = try PictureFeatures("mobilenetv2_pool_u8.npy.gz", scale: "scale.npy", names: "images.txt")
/// let places = try features.places(of: captions, captions.usable(.train))
/// let (x, _) = try features.read(Array(places.prefix(128)))      // [128, D]
/// ```
///
/// What is read: an npy file, gzipped or not, or an npz file with one array, with a row for each picture, [N, D] or [N, R, D] or
/// [N, height, width, D]; an npz or safetensors file with an array for each picture by its name; a folder with an npy or npz file
/// for each picture. Numbers are whole numbers or reals; those of quantised features are multiplied by a scale for each channel.
/// Rows are read from the disk as they are asked for, but of compressed files, which are in memory.
public struct PictureFeatures: Sendable {
  /// The file or folder.
  public let file: String
  /// How many pictures there are, N.
  public let count: Int
  /// The numbers of a picture, or of a region of it, D.
  public let width: Int
  /// Whether a picture has regions.
  public let hasRegions: Bool
  /// Regions of every picture, R; nil where there are none, or where pictures may have different numbers of them.
  public let regions: Int?
  /// The pictures' names by row; nil where rows have none and belong to the captions' pictures in their order.
  public let names: [String]?
  /// Bytes that are held in memory; 0 where rows are read from the disk.
  public let bytesInMemory: Int
  /// What each channel is brought to on reading; nil for as it is.
  public var scaler: Scaler?

  private let source: Source
  /// What numbers are multiplied by, one for each channel; empty for nothing.
  private let scale: [Float]
  private let index: [String: Int]

  /// Where the numbers are.
  enum Source: Sendable {
    case rows(NumpyRows)
    case archive([NumpyArray])
    case safetensors(Safetensors, [Safetensors.TensorInfo])
    case folder([String])
  }

  /// Opens features; `scale` is an npy file with a number for each channel, or one for all, `names` a text with the name of a
  /// picture for each row. Throws what is wrong with a file.
  public init(_ path: String, scale: String? = nil, names: String? = nil) throws(CaptionDataError) {
    let opened = try Self.open(path, named: names != nil)
    var own = opened.names
    if let names {
      guard case .rows = opened.source else {
        throw .featureType(
          file: names, name: nil, expected: "no list of names, as the features have names of their own",
          found: "one")
      }
      own = try Self.lines(of: names)
      guard own?.count == opened.count else {
        throw .rowCount(file: path, rows: opened.count, other: names, found: own?.count ?? 0)
      }
    }
    var index: [String: Int] = [:]
    for (place, name) in (own ?? []).enumerated() {
      guard index.updateValue(place, forKey: name) == nil else {
        throw .duplicatePicture(file: names ?? path, id: name)
      }
    }
    // A row's name may be a path, or have an ending that the captions' file leaves out.
    for (place, name) in (own ?? []).enumerated() {
      let last = name.split(separator: "/").last.map(String.init) ?? name
      for other in [last, CaptionSet.withoutEnding(last)] where index[other] == nil { index[other] = place }
    }
    (file, count, width, source) = (path, opened.count, opened.width, opened.source)
    (hasRegions, regions, bytesInMemory) = (opened.hasRegions, opened.regions, opened.bytesInMemory)
    (self.names, self.index) = (own, index)
    self.scale =
      try scale.map { path throws(CaptionDataError) in try Self.scale(path, width: opened.width) } ?? []
  }

  // MARK: Pictures

  /// The rows of pictures of a set; throws `noFeatures` for those that have none, or `rowCount` where rows have no names and
  /// are not as many as the set's pictures.
  public func places(of set: CaptionSet, _ indices: [Int]) throws(CaptionDataError) -> [Int] {
    guard names != nil else {
      guard count == set.pictures.count else {
        throw .rowCount(file: file, rows: count, other: set.file, found: set.pictures.count)
      }
      return indices
    }
    var places: [Int] = []
    var missing: [String] = []
    for picture in indices.map({ set.pictures[$0] }) {
      if let place = picture.names.lazy.compactMap({ index[$0] }).first {
        places.append(place)
      } else {
        missing.append(picture.id)
      }
    }
    guard missing.isEmpty else { throw .noFeatures(file: file, ids: missing) }
    return places
  }

  /// The row of a picture by its name, which may lack its ending; nil when there is none.
  public func place(of name: String) -> Int? { index[name] }

  /// The name of a row's picture, or its number from 0 where rows have no names.
  public func name(at place: Int) -> String { names?[place] ?? String(place) }

  // MARK: Numbers

  /// The features of some rows, [n, D], or [n, R, D] with the most regions that one of them has, and how many each of them has;
  /// those that others lack are 0. Throws what is wrong with a file, `featureWidth` or `featureNotFinite`.
  public func read(_ places: [Int]) throws(CaptionDataError) -> (features: Tensor, regions: [Int]) {
    var rows: [[Float]] = []
    for place in places { rows.append(try numbers(at: place)) }
    let regions = rows.map { width > 0 ? $0.count / width : 0 }
    guard hasRegions else { return (Tensor(rows.flatMap { $0 }, shape: [places.count, width]), regions) }
    let most = regions.max() ?? 0
    var all: [Float] = []
    all.reserveCapacity(places.count * most * width)
    for row in rows {
      all += row
      all += repeatElement(0, count: most * width - row.count)
    }
    return (Tensor(all, shape: [places.count, most, width]), regions)
  }

  /// The mean and deviation of each channel over the pictures, and regions, of some rows, read once and summed in Double; a channel
  /// that is the same everywhere is divided by 1. The value's own `scaler` is left out. Throws as `read` does.
  public func scaler(fitting places: [Int]) throws(CaptionDataError) -> Scaler {
    // Sums of differences from the first row, so that squares of large common parts don't cancel out.
    var origin: [Double] = []
    var (sums, squares) = ([Double](repeating: 0, count: width), [Double](repeating: 0, count: width))
    var rows = 0
    for place in places {
      let numbers = try unscaled(at: place)
      if origin.isEmpty, numbers.count >= width { origin = numbers.prefix(width).map(Double.init) }
      for start in stride(from: 0, to: numbers.count, by: max(1, width)) {
        for channel in 0..<width {
          let difference = Double(numbers[start + channel]) - origin[channel]
          sums[channel] += difference
          squares[channel] += difference * difference
        }
        rows += 1
      }
    }
    guard rows > 0 else { return Scaler(fitting: Tensor.zeros([0, width])) }
    let count = Double(rows)
    let means = sums.indices.map { Float(origin[$0] + sums[$0] / count) }
    let deviations = sums.indices.map { channel -> Float in
      let mean = sums[channel] / count
      let deviation = Float(max(0, squares[channel] / count - mean * mean).squareRoot())
      return deviation > 0 ? deviation : 1
    }
    return Scaler(means: means, deviations: deviations)
  }

  /// The numbers of a row, standardised.
  private func numbers(at place: Int) throws(CaptionDataError) -> [Float] {
    var numbers = try unscaled(at: place)
    guard let scaler else { return numbers }
    require(
      scaler.means.count == width,
      "PictureFeatures: expected a scaler of width \(width), found \(scaler.means.count)")
    for start in stride(from: 0, to: numbers.count, by: max(1, width)) {
      for channel in 0..<width {
        numbers[start + channel] =
          (numbers[start + channel] - scaler.means[channel]) / scaler.deviations[channel]
      }
    }
    return numbers
  }

  /// The numbers of a row, times the scale where they are quantised.
  private func unscaled(at place: Int) throws(CaptionDataError) -> [Float] {
    require((0..<count).contains(place), "PictureFeatures: expected rows below \(count), found \(place)")
    var numbers = try stored(at: place)
    if scale.count == 1 {
      for place in numbers.indices { numbers[place] *= scale[0] }
    } else if !scale.isEmpty {
      for start in stride(from: 0, to: numbers.count, by: max(1, width)) {
        for channel in 0..<width { numbers[start + channel] *= scale[channel] }
      }
    }
    guard numbers.allSatisfy(\.isFinite) else { throw .featureNotFinite(file: file, name: name(at: place)) }
    return numbers
  }
  /// The numbers of a row as they are in the file.
  private func stored(at place: Int) throws(CaptionDataError) -> [Float] {
    switch source {
    case .rows(let rows): return try Self.numpy { () throws(NumpyError) in try rows.floats(at: place) }
    case .archive(let arrays): return try Self.numpy { () throws(NumpyError) in try arrays[place].floats() }
    case .safetensors(let file, let tensors): return try Self.floats(file, tensors[place])
    case .folder(let paths):
      let path = paths[place]
      let array = try Self.array(path)
      guard Self.hasRegions(array.shape) == hasRegions else {
        throw .featureShape(
          file: path, name: nil, expected: hasRegions ? "regions, [R, \(width)]" : "one vector, [\(width)]",
          found: array.shape)
      }
      guard array.shape.last == width else {
        throw .featureWidth(file: path, name: nil, expected: width, found: array.shape.last ?? 0)
      }
      return try Self.numpy { () throws(NumpyError) in try array.floats() }
    }
  }
}
