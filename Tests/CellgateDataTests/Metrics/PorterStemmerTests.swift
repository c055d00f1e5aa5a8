import Testing

@testable import CellgateData

@Suite("Stems of English words")
struct PorterStemmerTests {
  @Test(
    "Words of the algorithm's page have the stems given there",
    arguments: [
      ("consign", "consign"), ("consigned", "consign"), ("consigning", "consign"), ("consignment", "consign"),
      ("consistency", "consist"), ("consistent", "consist"), ("consistently", "consist"),
      ("consolation", "consol"),
      ("consolations", "consol"), ("consolatory", "consolatori"), ("consoling", "consol"),
      ("conspicuous", "conspicu"),
      ("conspiracy", "conspiraci"), ("conspirator", "conspir"), ("constables", "constabl"),
      ("knack", "knack"),
      ("knackeries", "knackeri"), ("knaves", "knave"), ("kneaded", "knead"), ("kneel", "kneel"),
      ("knightly", "knight"),
      ("knitted", "knit"), ("knocking", "knock"), ("knots", "knot"),
    ])
  func page(_ word: String, _ stem: String) { #expect(PorterStemmer.stem(word) == stem) }

  @Test(
    "Each rule and exception",
    arguments: [
      ("skies", "sky"), ("dying", "die"), ("news", "news"), ("inning", "inning"), ("proceeded", "proceed"),
      ("generous", "generous"), ("communication", "communic"), ("caresses", "caress"), ("ties", "tie"),
      ("cries", "cri"),
      ("gas", "gas"), ("gaps", "gap"), ("kiwis", "kiwi"), ("agreed", "agre"), ("hoping", "hope"),
      ("hopping", "hop"),
      ("falling", "fall"), ("cry", "cri"), ("by", "by"), ("say", "say"), ("youth", "youth"),
      ("boyish", "boyish"),
      ("rational", "ration"), ("relational", "relat"), ("hopefulness", "hope"), ("electricity", "electr"),
      ("formative", "format"), ("adoption", "adopt"), ("roll", "roll"), ("controll", "control"), ("is", "is"),
      ("", ""),
      ("'tis", "tis"), ("dog's", "dog"), ("biology", "biolog"), ("fluently", "fluentli"), ("cafés", "café"),
    ])
  func rules(_ word: String, _ stem: String) {
    #expect(PorterStemmer.stem(word) == stem, "\(PorterStemmer.stem(word))")
  }
}
