/// The symbols of a long text, each in as few bytes as the largest one needs: one byte below 256, two below 65,536, else four.
///
///     var symbols: SymbolSequence = [5, 255]      // 2 bytes
///     symbols.append(256)                         // 6 bytes
public struct SymbolSequence: RandomAccessCollection, Sendable, ExpressibleByArrayLiteral {
  private enum Storage: Sendable {
    case bytes([UInt8])
    case shorts([UInt16])
    case whole([Int32])
  }

  private var storage = Storage.bytes([])

  /// These symbols.
  public init(_ symbols: some Sequence<Int32>) {
    reserve(symbols.underestimatedCount)
    for symbol in symbols { append(symbol) }
  }

  /// These symbols.
  public init(arrayLiteral symbols: Int32...) { self.init(symbols) }

  /// 0.
  public var startIndex: Int { 0 }

  /// How many symbols there are.
  public var endIndex: Int {
    switch storage {
    case .bytes(let symbols): symbols.count
    case .shorts(let symbols): symbols.count
    case .whole(let symbols): symbols.count
    }
  }

  /// The symbol at a place, counted from 0.
  public subscript(place: Int) -> Int32 {
    switch storage {
    case .bytes(let symbols): Int32(symbols[place])
    case .shorts(let symbols): Int32(symbols[place])
    case .whole(let symbols): symbols[place]
    }
  }

  private mutating func reserve(_ count: Int) {
    guard case .bytes(var symbols) = storage else { return }
    symbols.reserveCapacity(count)
    storage = .bytes(symbols)
  }

  /// Adds a symbol at the end.
  public mutating func append(_ symbol: Int32) {
    switch storage {
    case .bytes(var symbols):
      storage = .bytes([])
      if let symbol = UInt8(exactly: symbol) {
        symbols.append(symbol)
        storage = .bytes(symbols)
      } else {
        storage = .shorts(symbols.map { UInt16($0) })
        append(symbol)
      }
    case .shorts(var symbols):
      storage = .bytes([])
      if let symbol = UInt16(exactly: symbol) {
        symbols.append(symbol)
        storage = .shorts(symbols)
      } else {
        storage = .whole(symbols.map { Int32($0) })
        append(symbol)
      }
    case .whole(var symbols):
      storage = .bytes([])
      symbols.append(symbol)
      storage = .whole(symbols)
    }
  }
}

extension SymbolSequence: Equatable {
  /// Equal symbols in the same order.
  public static func == (left: SymbolSequence, right: SymbolSequence) -> Bool { left.elementsEqual(right) }
}
