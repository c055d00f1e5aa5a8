import CellgateFiles
import CellgateTestSupport
import Testing

@testable import CellgateData

@Suite("Captions of data sets")
struct CaptionSetTests {
  private let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private func file(_ text: String, _ name: String = "captions.json") throws -> String {
    try scratch.write(Array(text.utf8), as: name)
  }

  private static let karpathy = """
    {"dataset":"coco","images":[
      {"filepath":"val2014","filename":"COCO_1.jpg","imgid":0,"cocoid":391895,"split":"test","sentids":[0,1],
       "sentences":[{"tokens":["a","man"],"raw":"A man.","imgid":0,"sentid":0},{"tokens":["no","raw"],"imgid":0}]},
      {"filename":"b.jpg","imgid":1,"split":"restval","sentences":[{"raw":"B"}]},
      {"filename":"c.jpg","imgid":2,"split":"train","sentences":[{"raw":"C é 😀"}]},
      {"filename":"d.jpg","imgid":3,"split":"val","sentences":[]}]}
    """

  @Test("Karpathy's data sets are read, gzipped too")
  func karpathy() throws {
    for bytes in [Array(Self.karpathy.utf8), Gzip.compress(Array(Self.karpathy.utf8))] {
      let set = try CaptionSet(try scratch.write(bytes, as: "k.json"))
      #expect(set.pictures.map(\.id) == ["391895", "b.jpg", "c.jpg", "d.jpg"])
      #expect(set.pictures[0].captions == ["A man.", "no raw"] && set.pictures[0].names.contains("COCO_1"))
      #expect(set.indices(of: .train) == [1, 2] && set.indices(of: .restval) == [1])
      #expect(try set.usable(.test) == [0])
      #expect(throws: CaptionDataError.noCaptions(file: set.file, ids: ["d.jpg"])) {
        try set.usable(.validation)
      }
    }
  }

  @Test(
    "COCO's annotations are read whichever list stands first, and results and JSON Lines without a list of pictures"
  )
  func coco() throws {
    let images = #""images":[{"id":2,"file_name":"two.jpg"},{"id":1,"file_name":"one.jpg"}]"#
    let annotations =
      #""annotations":[{"image_id":1,"id":7,"caption":"x"},{"id":8,"caption":"y","image_id":2},{"caption":"z","image_id":1.0,"id":9}]"#
    for text in ["{\"info\":{},\(images),\(annotations)}", "{\(annotations),\(images),\"licenses\":[]}"] {
      let set = try CaptionSet(try file(text))
      #expect(set.pictures.map(\.id) == ["2", "1"] && set.pictures[1].captions == ["x", "z"])
      #expect(set.pictures[0].name == "two.jpg")
    }
    #expect(try CaptionSet(try file("{\(annotations)}")).pictures.map(\.id) == ["1", "2"])
    let results = try CaptionSet(try file(#"[{"image_id":"a","caption":""},{"image_id":5,"caption":"b"}]"#))
    #expect(results.pictures.map(\.captions) == [[""], ["b"]])
    let lines = try CaptionSet(
      try file(
        "{\"image_id\":1,\"caption\":\"a\",\"score\":-2.5}\n{\"image_id\":1,\"captions\":[\"b\",\"c\"]}\n"))
    #expect(lines.pictures.map(\.captions) == [["a", "b", "c"]])
  }

  @Test("Flickr's token files are read, and lists of pictures put them into parts")
  func flickr() throws {
    let path = try file(
      "1.jpg#0\tA dog .\n1.jpg#1\tB\n2.jpg#0\tC\td\n3.jpg.1#0\tE\n4.jpg#0\tF\n", "f.token.txt")
    let lists = [
      try file("rest", "unused"), try file("2.jpg\n\n", "val.txt"), try file("test/3.jpg.1 77\n", "test.txt"),
    ]
    let set = try CaptionSet(path, splits: ["rest", lists[1], lists[2]])
    #expect(set.pictures.map(\.id) == ["1.jpg", "2.jpg", "3.jpg.1", "4.jpg"])
    #expect(set.pictures.map(\.split) == [.train, .validation, .test, .train])
    #expect(set.pictures[1].captions == ["C\td"])
    let some = try CaptionSet(path, splits: [try file("1\n", "t.txt"), lists[1], lists[2]])
    #expect(some.pictures.map(\.split) == [.train, .validation, .test, nil])
  }

  @Test(
    "What is wrong is named with file and entry",
    arguments: [
      ("{\"images\":[{\"id\":1},{\"id\":1}]}", "picture 1: expected once, found twice"),
      (
        "{\"images\":[{\"id\":1}],\"annotations\":[{\"image_id\":3,\"caption\":\"x\"}]}",
        "caption of picture 3"
      ),
      (
        "{\"images\":[{\"split\":\"dev\",\"id\":1}]}",
        "images[0].split: expected train, restval, val or test, found 'dev'"
      ),
      ("{\"images\":[{\"split\":\"val\"}]}", "images[0]: expected a picture with 'id' or 'filename'"),
      ("{\"images\":[{\"id\":1,\"sentences\":[{}]}]}", "images[0].sentences[0]: expected a sentence"),
      ("[{\"image_id\":1}]", "[0]: expected a 'caption' of picture 1"),
      ("[{\"caption\":\"x\"}]", "[0]: expected an object with 'image_id'"),
      ("[{\"image_id\":1,\"caption\":null}]", "[0].caption: expected a string, found null"),
      ("[{\"image_id\":1.5,\"caption\":\"x\"}]", "expected a whole number or a string"),
      ("{\"a\":1}", "expected captions"),
      (
        "{\"images\":[{\"id\":1,\"sentences\":[{\"raw\":\"a",
        "images[0].sentences[0].raw; the file is cut off"
      ),
      ("[]", "expected pictures with captions, found none"),
      ("a dog\na cat\n", "a text whose lines name no picture"),
      ("1.jpg#0\ta\nbad line\n", "line 2: expected NAME#NUMBER"), ("", "expected captions"),
    ])
  func mistakes(_ text: String, _ part: String) throws {
    let path = try file(text)
    let error = #expect(throws: CaptionDataError.self) { try CaptionSet(path) }
    let line = try #require(error).description
    #expect(line.contains(part) && line.hasPrefix(path), "\(line)")
  }

  @Test("Mistakes in lists of pictures are named")
  func lists() throws {
    let path = try file("1.jpg#0\tA\n2.jpg#0\tB\n", "t.txt")
    func error(_ lists: [String]) throws -> String {
      let error = #expect(throws: CaptionDataError.self) { try CaptionSet(path, splits: lists) }
      return try #require(error).description
    }
    let (one, two, none) = (try file("1.jpg\n", "1"), try file("2.jpg\n1.jpg\n", "2"), try file("x\n", "0"))
    #expect(try error([one, two, one]).contains("line 2: picture 1.jpg: expected it in one list"))
    #expect(try error([none, one, two]).contains("line 1: expected a picture of \(path), found 'x'"))
    #expect(try error([one, two]).contains("expected three"))
    #expect(try error(["rest", "rest", one]).contains("expected three"))
    #expect(try error([one, "nowhere.txt", one]).contains("nowhere.txt: no such file"))
    var set = try CaptionSet(path)
    try set.split(by: [one, "rest", try file("", "e")])
    #expect(throws: CaptionDataError.emptySplit(file: path, split: "test")) { try set.usable(.test) }
    #expect(throws: CaptionDataError.self) { try CaptionSet(scratch.path) }
  }

  @Test("A vocabulary has the words that are frequent enough, and encodes and decodes captions")
  func vocabulary() throws {
    let words = CaptionVocabulary(
      of: ["A dog.", "a dog runs", "The <begin> dog's, a"], minimum: 2, length: 3)
    #expect(words.words == ["a", "dog"] && words.count == 6)
    #expect(words.encode("A cat and a dog") == [2, 4, 1, 1, 3] && words.encode("") == [2, 3])
    #expect(words.decode([2, 5, 1, 0, 4, 3, 5]) == "dog <unk> a" && words.decode([-1, 99]) == "")
    #expect(words.number(of: "<end>") == 1 && words.number(of: "<unk>") == 1 && words.word(3) == nil)
    var preprocessing = Preprocessing()
    preprocessing.captions = words
    let text = try #require(preprocessing.text)
    #expect(try Preprocessing(metadata: ["preprocessing": text]) == preprocessing)
    for bad in [#"{"captions":{"words":["a","a"],"length":3}}"#, #"{"captions":{"words":[],"length":0}}"#] {
      #expect(throws: PreprocessingError.self) { try Preprocessing(metadata: ["preprocessing": bad]) }
    }
  }

  @Test(
    "Flickr8k's files are read whole",
    .enabled(if: CaptionData.isThere, "set CELLGATE_DATA to the data directory"))
  func flickr8k() throws {
    let folder = CaptionData.folder + "/flickr8k/"
    var set = try CaptionSet(folder + "Flickr8k.token.txt.gz")
    #expect(set.pictures.reduce(0) { $0 + $1.captions.count } == 40_455)
    // One name of the lists has no captions of this spelling in the token file or is there: the official parts are full.
    try set.split(by: ["train", "dev", "test"].map { folder + "Flickr_8k.\($0)Images.txt.gz" })
    #expect(
      [CaptionSet.Split.train, .validation, .test].map { set.indices(of: $0).count } == [6000, 1000, 1000])
    let training = try set.usable(.train).flatMap { set.pictures[$0].captions }
    #expect((2_500...2_600).contains(CaptionVocabulary(of: training, minimum: 5, length: 20).count))
    let coco = try CaptionSet(CaptionData.folder + "/coco/captions_val2017.json.gz")
    #expect(coco.pictures.count == 5000 && coco.pictures.reduce(0) { $0 + $1.captions.count } == 25_014)
  }
}
