/// Entries that are added at both ends of a dimension; a whole number adds as many at each.
public struct Padding: Sendable, Equatable, ExpressibleByIntegerLiteral {
  /// In front of the first entry, and after the last one.
  public var before: Int, after: Int

  /// `count` entries at both ends.
  public init(_ count: Int) { self.init(before: count, after: count) }

  /// Entries in front and after.
  public init(before: Int, after: Int) { (self.before, self.after) = (before, after) }

  /// `value` entries at both ends.
  public init(integerLiteral value: Int) { self.init(value) }
}

/// A number for the rows and one for the columns of a picture; a whole number stands for both.
public struct HeightWidth: Sendable, Equatable, ExpressibleByIntegerLiteral {
  /// Of the rows, and of the columns.
  public var height: Int, width: Int

  /// The same for both.
  public init(_ both: Int) { self.init(height: both, width: both) }

  /// One for each.
  public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

  /// `value` for both.
  public init(integerLiteral value: Int) { self.init(value) }
}
