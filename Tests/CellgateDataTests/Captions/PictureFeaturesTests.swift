import CellgateFiles
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateData

@Suite("Features of pictures")
struct PictureFeaturesTests {
  private let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private func array(_ shape: [Int], _ numbers: [Float], _ name: String) throws -> String {
    try NumpyArray(shape: shape, floats: numbers).write(to: scratch.file(name))
    return scratch.file(name)
  }

  private func set(_ names: [String]) throws -> CaptionSet {
    try CaptionSet(file: "captions", pictures: names.map { .init(id: $0, split: .train, captions: ["a"]) })
  }

  @Test("Pooled rows are found by a list of names, with or without folder and ending, and scaled")
  func pooled() throws {
    let path = try array([3, 2], [1, 2, 3, 4, 5, 6], "x.npy")
    let scale = try array([2], [10, 100], "s.npy")
    let names = try scratch.write(Array("dir/a.jpg\nb.jpg\nc\n".utf8), as: "names.txt")
    let features = try PictureFeatures(path, scale: scale, names: names)
    #expect(features.count == 3 && features.width == 2 && !features.hasRegions && features.bytesInMemory == 0)
    let set = try set(["c.png", "a", "b.jpg"])
    let places = try features.places(of: set, [0, 1, 2])
    #expect(places == [2, 0, 1])
    let (x, regions) = try features.read(places)
    #expect(x.shape == [3, 2] && x.scalars == [50, 600, 10, 200, 30, 400] && regions == [1, 1, 1])
    let other = try self.set(["a", "x", "y"])
    #expect(throws: CaptionDataError.noFeatures(file: path, ids: ["x", "y"])) {
      try features.places(of: other, [0, 1, 2])
    }
  }

  @Test("Rows without names belong to the captions' pictures in their order")
  func unnamed() throws {
    let features = try PictureFeatures(try array([2, 2], [1, 2, 3, 4], "x.npy"))
    #expect(try features.places(of: try set(["a", "b"]), [1]) == [1])
    #expect(throws: CaptionDataError.self) { try features.places(of: try set(["a"]), [0]) }
  }

  @Test("Regions are read from arrays of three and four dimensions")
  func regions() throws {
    let numbers = (0..<24).map(Float.init)
    for shape in [[2, 4, 3], [2, 2, 2, 3]] {
      let features = try PictureFeatures(try array(shape, numbers, "x.npy"))
      #expect(features.hasRegions && features.regions == 4 && features.width == 3)
      #expect(try features.read([1]).features.scalars == Array(numbers[12...]))
      #expect(try features.read([1, 0]).features.shape == [2, 4, 3])
    }
  }

  @Test("A folder has a file for each picture, an npz with feat or z; pictures may have different regions")
  func folder() throws {
    try Paths.makeFolder(scratch.file("att"))
    for (name, key, regions) in [("1", "feat", 1), ("2", "z", 3), ("3", "x", 2)] {
      var writer = NumpyArchive.Writer()
      if key != "x" { writer.add("boxes", shape: [1], floats: [0]) }
      writer.add(key, shape: [regions, 2], floats: [Float](repeating: Float(regions), count: regions * 2))
      try writer.write(to: scratch.file("att/\(name).npz"))
    }
    let features = try PictureFeatures(scratch.file("att"))
    #expect(features.names == ["1", "2", "3"] && features.regions == nil && features.hasRegions)
    let (x, counts) = try features.read([0, 1])
    #expect(x.shape == [2, 3, 2] && counts == [1, 3] && x.scalars == [1, 1, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3])
    _ = try array([2, 5], [Float](repeating: 0, count: 10), "att/4.npy")
    let wide = try PictureFeatures(scratch.file("att"))
    #expect(
      throws: CaptionDataError.featureWidth(file: scratch.file("att/4.npy"), name: nil, expected: 2, found: 5)
    ) {
      try wide.read([3])
    }
  }

  @Test("Archives and safetensors have an array for each picture by its name")
  func named() throws {
    var archive = NumpyArchive.Writer(isCompressed: true)
    var tensors = Safetensors.Writer()
    for (name, value) in [("a", Float(1)), ("b", 2)] {
      archive.add(name, shape: [2], floats: [value, value * 2])
      tensors.add(name, shape: [2], floats: [value, value * 2])
    }
    try archive.write(to: scratch.file("x.npz"))
    try tensors.write(to: scratch.file("x.safetensors"))
    for name in ["x.npz", "x.safetensors"] {
      let features = try PictureFeatures(scratch.file(name))
      let place = try #require(features.place(of: "b"))
      #expect(try features.read([place]).features.scalars == [2, 4])
    }
    var bad = Safetensors.Writer()
    bad.add("a", shape: [2], floats: [1, 2])
    bad.add("b", shape: [3], floats: [1, 2, 3])
    try bad.write(to: scratch.file("bad.safetensors"))
    let error = #expect(throws: CaptionDataError.self) {
      try PictureFeatures(scratch.file("bad.safetensors"))
    }
    #expect(try #require(error).description.contains("'b': expected features of width 2, found 3"))
  }

  @Test("Standardised features have mean 0 and deviation 1 over the rows that they were fitted to")
  func standardised() throws {
    let numbers: [Float] = [1000, 5, 1002, 5, 1004, 5, 7, 7]
    var features = try PictureFeatures(try array([4, 2], numbers, "x.npy"))
    let scaler = try features.scaler(fitting: [0, 1, 2])
    let whole = Scaler(fitting: Tensor(Array(numbers[..<6]), shape: [3, 2]))
    #expect(scaler.means == whole.means && scaler.deviations == whole.deviations)
    features.scaler = scaler
    let x = try features.read([0, 1, 2]).features.scalars
    #expect(abs(x[0] + x[2] + x[4]) < 1e-5 && x[1] == 0)
    #expect(try features.scaler(fitting: []).deviations == [1, 1])
  }

  @Test("What is wrong is named")
  func mistakes() throws {
    let path = try array([2, 2], [1, 2, 3, .nan], "x.npy")
    let names = try scratch.write(Array("a\nb\n".utf8), as: "n.txt")
    let features = try PictureFeatures(path, names: names)
    #expect(throws: CaptionDataError.featureNotFinite(file: path, name: "b")) { try features.read([1]) }
    func error(_ path: String, _ scale: String? = nil, _ names: String? = nil) throws -> String {
      try #require(
        #expect(throws: CaptionDataError.self) { try PictureFeatures(path, scale: scale, names: names) }
      ).description
    }
    let short = try scratch.write(Array("a\n".utf8), as: "short.txt")
    #expect(try error(path, nil, short).contains("expected 2 names, one for each row of \(path), found 1"))
    let twice = try scratch.write(Array("a\na\n".utf8), as: "twice.txt")
    #expect(try error(path, nil, twice).contains("picture a: expected once, found twice"))
    #expect(try error(path, try array([3], [1, 2, 3], "s.npy")).contains("a number for each of 2 channels"))
    #expect(try error(try array([4], [1, 2, 3, 4], "v.npy")).contains("expected [N, D]"))
    #expect(try error("nowhere.npy").contains("no such file"))
    try Paths.makeFolder(scratch.file("empty"))
    #expect(try error(scratch.file("empty")).contains("found none"))
  }

  @Test(
    "Flickr8k's quantised features are read by name, pooled and regions",
    .enabled(if: CaptionData.isThere, "set CELLGATE_DATA to the data directory"))
  func flickr8k() throws {
    let folder = CaptionData.folder + "/flickr8k/"
    let set = try CaptionSet(folder + "Flickr8k.token.txt.gz")
    for (kind, type, shape) in [("pool", "u8", [2, 1280]), ("region", "i8", [2, 9, 128])] {
      let features = try PictureFeatures(
        folder + "mobilenetv2_\(kind)_\(type).npy.gz", scale: folder + "mobilenetv2_\(kind)_scale.npy",
        names: folder + "images.txt.gz")
      #expect(features.count == 8091)
      let known = set.pictures.indices.filter { features.place(of: set.pictures[$0].id) != nil }
      #expect(known.count == 8091)
      let x = try features.read(Array(try features.places(of: set, Array(known.prefix(2))))).features
      #expect(x.shape == shape && x.scalars.contains { $0 != 0 })
    }
  }
}
