import Cellgate

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A file that came with a request: `{"name": "a.wav", "data": "UklGR…"}`, its bytes in base 64.
struct RequestFile: Sendable {
  /// What answers call it; nil for its number.
  var name: String?
  var bytes: Data

  /// A file of these bytes.
  init(name: String? = nil, _ bytes: Data) { (self.name, self.bytes) = (name, bytes) }

  /// The file that a JSON value has, which stands at a place such as "files[2]".
  init(_ tree: JSONTree, at place: String) throws(ServiceError) {
    let fields = try JSONFields(tree, at: place)
    try fields.check(names: ["name", "data"])
    name = try fields.text("name")
    guard let bytes = Data(base64Encoded: try fields.requiredText("data")) else {
      throw .expected("bytes in base 64", found: "another text", at: place + ".data")
    }
    self.bytes = bytes
  }

  /// The name of the file at a place of a request while it lies in a folder: files have the order of their places there.
  static func path(_ folder: String, _ place: Int, _ ending: String) -> String {
    let number = "\(place + 1)"
    return "\(folder)/\(String(repeating: "0", count: max(0, 8 - number.count)))\(number).\(ending)"
  }

  /// A message in which paths of such files are written as "files[0]", those of texts as well.
  static func places(in message: String, _ folder: String) -> String {
    var (text, rest) = ("", message[...])
    while let found = rest.firstRange(of: folder + "/") {
      text += rest[..<found.lowerBound]
      rest = rest[found.upperBound...]
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let number = Int(digits) else { continue }
      text += "files[\(number - 1)]"
      rest = rest[digits.endIndex...]
      if rest.first == "." { rest = rest.dropFirst().drop { $0.isASCII && $0.isLetter } }
    }
    return text + rest
  }

  /// The ending of a file of frames, by its first bytes; nil of other files.
  var clipEnding: String? {
    for (start, ending) in [
      ([0x93] + Array("NUMPY".utf8), "npy"), (Array("PK".utf8) + [3, 4], "npz"),
      (Array("YUV4MPEG2".utf8), "y4m"),
    ] where bytes.starts(with: start) { return ending }
    return bytes.count > 8 && bytes[bytes.startIndex + 8] == UInt8(ascii: "{") ? "safetensors" : nil
  }
}
