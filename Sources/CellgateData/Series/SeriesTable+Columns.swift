extension SeriesTable {
  /// Which columns are read.
  public struct Columns: Codable, Equatable, Sendable {
    /// The time: one column, or year, month, day, hour, minute, second as far as there are; [] for rows one step apart.
    public var time: [String]
    /// What is forecast; ["all"] for every column of numbers that is no time, group or covariate.
    public var targets: [String]
    /// What is known up to the last step.
    public var past: [String] = []
    /// What is known of the steps that are forecast, too, such as prices or holidays.
    public var future: [String] = []
    /// What is known of a whole series, such as where it was measured: the same in all its rows.
    public var statics: [String] = []
    /// Those of `past`, `future` and `statics` whose fields are categories, and not numbers.
    public var categorical: [String] = []
    /// What names the series; nil for a table of one.
    public var group: String?

    /// Columns by their names.
    public init(
      time: [String], targets: [String], past: [String] = [], future: [String] = [], statics: [String] = [],
      categorical: [String] = [], group: String? = nil
    ) {
      (self.time, self.targets, self.past, self.future, self.group) = (time, targets, past, future, group)
      (self.statics, self.categorical) = (statics, categorical)
    }

    /// Reads columns; files of earlier versions have neither static ones nor categories.
    public init(from decoder: any Decoder) throws {
      let object = try decoder.container(keyedBy: CodingKeys.self)
      time = try object.decode([String].self, forKey: .time)
      targets = try object.decode([String].self, forKey: .targets)
      past = try object.decode([String].self, forKey: .past)
      future = try object.decode([String].self, forKey: .future)
      statics = try object.decodeIfPresent([String].self, forKey: .statics) ?? []
      categorical = try object.decodeIfPresent([String].self, forKey: .categorical) ?? []
      group = try object.decodeIfPresent(String.self, forKey: .group)
    }

    private func numeric(_ names: [String]) -> [String] { names.filter { !categorical.contains($0) } }
    private func categories(_ names: [String]) -> [String] { names.filter { categorical.contains($0) } }

    /// The covariates that are numbers, the past ones and then the future ones.
    public var numericCovariates: [String] { numeric(past + future) }
    /// The last of these, which are known of the future.
    public var numericFuture: [String] { numeric(future) }
    /// The covariates that are categories, the past ones and then the future ones.
    public var categoricalCovariates: [String] { categories(past + future) }
    /// The last of these, which are known of the future.
    public var categoricalFuture: [String] { categories(future) }
    /// The static columns that are numbers.
    public var numericStatics: [String] { numeric(statics) }
    /// The static columns that are categories.
    public var categoricalStatics: [String] { categories(statics) }
    /// All columns of categories: the covariates and then the static ones.
    public var categories: [String] { categoricalCovariates + categoricalStatics }
  }
}
