import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTraining

/// The files that captions are learned from: where they are, and what a run's settings keep of that.
struct CaptionFiles: Equatable {
  /// The captions.
  var captions: String
  /// Three lists of pictures; empty where the captions' file has the parts.
  var splits: [String] = []
  /// The features.
  var features: String
  /// What quantised features are multiplied by.
  var scale: String?
  /// The pictures' names by row.
  var names: String?

  /// The folder of a data set in the data directory that is taken where nothing else was said.
  static let usualFolder = "flickr8k"

  /// The files that the options name, and for what they leave out those that are found in the folder of `data`. Throws
  /// `missing`.
  init(_ settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    let folder = Self.folder(data)
    let found = Self.found(in: folder)
    let own = settings.text(CaptionOptions.captions)
    guard let captions = own ?? found.captions else {
      throw .missing(
        tried: ["\(folder)/dataset_*.json", "\(folder)/*.token.txt"],
        command: "cellgate train captions --captions FILE --features FILE")
    }
    self.captions = captions
    splits =
      settings.list(CaptionOptions.splits)?.compactMap(\.text).map(Self.list)
      ?? (own == nil ? found.splits : [])
    let seesRegions = settings.captionForm.seesRegions
    if let features = settings.text(CaptionOptions.features) {
      self.features = features
      scale = settings.text(CaptionOptions.featureScale)
      names = settings.text(CaptionOptions.featureNames)
    } else if let features = seesRegions ? found.regions : found.pooled {
      self.features = features
      scale = settings.text(CaptionOptions.featureScale) ?? Self.scale(of: features, among: found.all)
      names = settings.text(CaptionOptions.featureNames) ?? found.names
    } else {
      let kind = seesRegions ? "region" : "pool"
      throw .missing(
        tried: ["\(folder)/*\(kind)*.npy", "\(folder)/*\(kind)*.safetensors"],
        command:
          "cellgate features --images DIR --out features.safetensors, and --features features.safetensors")
    }
  }

  /// The folder of COCO's captions and features, which is taken before the usual one where it has all of them.
  static let largeFolder = "coco"

  /// The folder that data are looked for in: that of the user, a set's folder inside it, or the set in the usual place.
  static func folder(_ data: DataSource) -> String {
    let path = data.path ?? DataDirectory().path
    let large = path + "/" + largeFolder, found = found(in: large)
    if found.captions != nil, found.pooled != nil, found.regions != nil { return large }
    let inside = path + "/" + usualFolder
    return Paths.isFolder(inside) ? inside : path
  }

  /// A list's path; `rest`, which the command line has made a path of, where there is no such file.
  static func list(_ path: String) -> String {
    let isRest = path.split(separator: "/").last.map(String.init) == CaptionSet.restName
    return isRest && !FileManager.default.fileExists(atPath: path) ? CaptionSet.restName : path
  }

  // MARK: A folder

  struct Found {
    var all: [String] = []
    var captions: String?
    var splits: [String] = []
    var pooled: String?
    var regions: String?
    var names: String?
  }

  /// What a folder has, by the names that data sets of captions have: Karpathy's `dataset_*.json`, Flickr's `*.token.txt` with
  /// `*trainImages.txt`, `*devImages.txt` and `*testImages.txt`, features with "pool" or "region" in their names, and the names
  /// of their rows in `images.txt`; gzipped or not.
  static func found(in folder: String) -> Found {
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    func path(_ matches: (String) -> Bool) -> String? {
      names.first { matches($0.hasSuffix(".gz") ? String($0.dropLast(3)) : $0) }.map { folder + "/" + $0 }
    }
    func features(_ kind: String) -> String? {
      path { name in
        name.contains(kind) && !name.contains("scale")
          && [".npy", ".npz", ".safetensors"].contains { name.hasSuffix($0) }
      }
    }
    var found = Found(all: names.map { folder + "/" + $0 })
    found.captions =
      path { $0.hasPrefix("dataset_") && $0.hasSuffix(".json") } ?? path { $0.hasSuffix(".token.txt") }
    if found.captions?.contains(".token.txt") == true {
      let lists = ["trainImages.txt", "devImages.txt", "testImages.txt"].compactMap { ending in
        path { $0.hasSuffix(ending) }
      }
      if lists.count == 3 { found.splits = lists }
    }
    (found.pooled, found.regions, found.names) = (
      features("pool"), features("region"), path { $0 == "images.txt" }
    )
    return found
  }

  /// The file of scales beside quantised features: `mobilenet_pool_scale.npy` of `mobilenet_pool_u8.npy`.
  private static func scale(of features: String, among files: [String]) -> String? {
    files.first { file in
      guard file.hasSuffix("_scale.npy") || file.hasSuffix("_scale.npy.gz") else { return false }
      let stem = file.firstRange(of: "_scale.npy").map { String(file[..<$0.lowerBound]) } ?? file
      return features.hasPrefix(stem + "_") || features.hasPrefix(stem + ".")
    }
  }

  // MARK: In a run's settings

  /// The files of a run by what its settings know.
  init?(_ reference: DataReference) {
    guard let features = reference["features"]?.text else { return nil }
    (captions, self.features) = (reference.path, features)
    splits = reference["splits"]?.list?.compactMap(\.text) ?? []
    (scale, names) = (reference["featureScale"]?.text, reference["featureNames"]?.text)
  }

  /// What a run's settings keep of the files.
  func reference(sha256: String) -> DataReference {
    func path(_ path: String) -> OptionValue {
      .text(path == CaptionSet.restName ? path : Paths.absolute(path))
    }
    var reference = DataReference(
      path: Paths.absolute(captions), sha256: sha256, facts: ["features": path(features)])
    if !splits.isEmpty { reference["splits"] = .list(splits.map(path)) }
    if let scale { reference["featureScale"] = path(scale) }
    if let names { reference["featureNames"] = path(names) }
    return reference
  }

  // MARK: Opening

  /// What captions are learned from.
  struct Opened {
    var set: CaptionSet
    var features: PictureFeatures
  }

  /// The captions with their parts, and the features.
  func open() throws(TaskDataError) -> Opened {
    do throws(CaptionDataError) {
      return Opened(
        set: try CaptionSet(captions, splits: splits),
        features: try PictureFeatures(features, scale: scale, names: names))
    } catch { throw TaskDataError(error) }
  }
}

extension TaskDataError {
  /// What is wrong with captions or features.
  init(_ error: CaptionDataError) {
    switch error {
    case .text(let error): self = error
    case .files(let error): self = .file(error)
    default: self = .captions(error)
    }
  }
}
