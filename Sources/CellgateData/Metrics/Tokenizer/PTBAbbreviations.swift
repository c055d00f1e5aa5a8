/// Abbreviations whose period belongs to them.
enum PTBAbbreviations {
  /// What an abbreviation asks of what follows.
  enum Kind {
    /// Nothing.
    case plain
    /// It may end a sentence: it holds against a word that is no longer by more than one character.
    case ending
    /// A number.
    case beforeNumber
  }

  /// The kind of an abbreviation, which is given without its period; nil for another word.
  static func kind(of word: String) -> Kind? {
    if word.utf8.count == 1 { return .plain }
    if capitalised.contains(word.lowercased()) { return word.first?.isUppercase == true ? .ending : nil }
    let lower = word.lowercased()
    if let isLast = notInCapitals[lower],
      word.dropFirst().dropLast(isLast ? 0 : 1).contains(where: \.isUppercase)
    {
      return nil
    }
    return kinds[lower]
  }

  private static let kinds: [String: Kind] = {
    var kinds: [String: Kind] = [:]
    for word in plain.split(separator: " ") { kinds[String(word)] = .plain }
    for word in ending.split(separator: " ") { kinds[String(word)] = .ending }
    for word in ["ca", "no", "op", "pp", "art", "fig", "nos", "figs", "prop"] { kinds[word] = .beforeNumber }
    return kinds
  }()

  private static let capitalised: Set<String> = [
    "az", "la", "pa", "ark", "del", "ill", "ore", "tex", "mass", "miss", "wash",
  ]
  /// Those that are none when written in capitals; with true not even with the last letter as one.
  private static let notInCapitals = [
    "mfg": false, "mtg": false, "ptes": false, "ptys": false, "pte": true, "pty": true, "ppte": true,
    "ppty": true,
  ]

  private static let plain = """
    adj adm adv alex assoc asst atty attys ave brig capt cf cie cmdr col comdr cpl dept det dr drs elec ens \
    ft gen gov govs hon insp invt jos lieut lt maj messrs mfg mlle mme mr mrs ms msgr mt mtg natl pfc ph \
    pres prof pvt rep reps rev sen sens sfc sgt spc st ste supt treas vs wm
    """

  private static let ending = """
    al ala apr ariz ark assn aug az bancorp bhd bldg blvd bros calif co colo conn corp cos ct dak dec del \
    esq est etc ext feb fla fri ga ill inc ind intl jan jr jul jun kan kans ky la ltd mar mass md mich minn \
    miss mo mon mont neb nev nov oct okla ore pa penn plc ppte ppty pte ptes pty ptys rd rt sep sept seq sq \
    sr sys tel tenn tex thu thurs tue tues univ va vt wash wed wis wisc wyo
    """
}
