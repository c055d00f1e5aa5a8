/// The best of many scored places: the highest scores, and of equal ones the lowest places.
struct TopKeys {
  struct Entry {
    let score: Float
    let place: Int

    /// Whether another entry is better.
    func isWorse(than other: Entry) -> Bool { (score, other.place) < (other.score, place) }
  }

  /// How many are kept.
  let count: Int
  /// A heap: no entry is better than those below it, so that the worst one stands first.
  private var heap: [Entry] = []

  /// What all that is kept has at least.
  private let floor: Float

  init(count: Int, floor: Float = -.infinity) { (self.count, self.floor) = (count, floor) }

  /// The width of rows of scores, whole vectors of 16.
  static func padded(_ rows: Int) -> Int { (rows + 15) / 16 * 16 }

  /// What a score must exceed, or be equal to with a lower place, to be kept.
  var threshold: Float { heap.count < count ? floor : heap[0].score }

  /// The best entry first.
  var sorted: [Entry] { heap.sorted { $1.isWorse(than: $0) } }

  /// Keeps an entry if it is among the best.
  mutating func take(_ score: Float, _ place: Int) {
    let entry = Entry(score: score, place: place)
    if heap.count < count {
      heap.append(entry)
      rise(heap.count - 1)
    } else if heap[0].isWorse(than: entry) {
      heap[0] = entry
      sink()
    }
  }

  mutating func merge(_ other: TopKeys) {
    for entry in other.heap { take(entry.score, entry.place) }
  }

  private mutating func rise(_ start: Int) {
    var place = start
    while place > 0, heap[place].isWorse(than: heap[(place - 1) / 2]) {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  private mutating func sink() {
    var place = 0
    while true {
      var worst = place
      for child in [2 * place + 1, 2 * place + 2] where child < heap.count {
        if heap[child].isWorse(than: heap[worst]) { worst = child }
      }
      if worst == place { return }
      heap.swapAt(place, worst)
      place = worst
    }
  }
}
