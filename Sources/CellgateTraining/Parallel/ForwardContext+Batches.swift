import CellgateBasics
import CellgateNN

extension ForwardContext {
  /// Computes something of each batch of an evaluation, and hands it on in the order of the batches. A pass that should stop ends
  /// before the last one.
  ///
  /// Of the processes of a group, the one of rank r computes batches r, r + count and so on; all of them hand on all results, which are
  /// those of one process to the bit.
  public func each<Batch, Found: Codable, Failure: Error>(
    of batches: some Sequence<Batch>, compute: (Batch) throws(Failure) -> Found,
    use: (Batch, Found) -> Void
  ) throws(Failure) {
    guard let group else {
      for batch in batches {
        if shouldStop { return }
        use(batch, try compute(batch))
      }
      return
    }
    var own: [Found] = []
    for (index, batch) in batches.enumerated() where index % group.count == group.rank {
      if shouldStop { break }
      own.append(try compute(batch))
    }
    let all = group.gather(Self.encoded(own)).map { Self.decoded([Found].self, $0) }
    for (index, batch) in batches.enumerated() {
      let (place, rank) = index.quotientAndRemainder(dividingBy: group.count)
      guard place < all[rank].count else { return }
      use(batch, all[rank][place])
    }
  }

  // A property list keeps every bit of numbers that are not finite as well.
  private static func encoded(_ results: some Encodable) -> [UInt8] {
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    do { return Array(try encoder.encode(results)) } catch {
      fail("ForwardContext: expected results that can be encoded, found \(error)")
    }
  }

  private static func decoded<Results: Decodable>(_ type: Results.Type, _ bytes: [UInt8]) -> Results {
    do { return try PropertyListDecoder().decode(type, from: Data(bytes)) } catch {
      fail("ForwardContext: expected the same program on all processes, found \(error)")
    }
  }
}
