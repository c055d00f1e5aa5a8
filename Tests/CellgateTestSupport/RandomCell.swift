import CellgateCells
import CellgateTensor

/// A cell of random equations that uses everything a definition can say: gates, starts, sizes, values without a name
/// that are read twice, values used before they are defined, new values of states, odd names and constants.
/// The same seed gives the same cell.
public func randomCell(_ seed: UInt64) throws(CellError) -> Cell {
  var maker = RandomCellMaker(seed: seed)
  return try Cell(
    "random-\(seed)", summary: maker.pick(["", "a # b", "see C:\\x, \\u", "gates: tanh(W c)", " spaced "]),
    source: maker.pick(["", "nobody 2026, https://example.org/#a", "two\nlines"])
  ) { cell in maker.build(cell) }
}

private struct RandomCellMaker {
  private var stream: RandomStream
  private var projection: RandomStream
  private var scalars: RandomStream
  private var fixed: RandomStream
  private var pool: [CellExpression] = []
  /// What must be used so that nothing declared is left over.
  private var unused: [CellExpression] = []

  init(seed: UInt64) {
    stream = RandomStream(seed: seed, name: "random cell")
    projection = RandomStream(seed: seed, name: "random projection")
    scalars = RandomStream(seed: seed, name: "random scalars")
    fixed = RandomStream(seed: seed, name: "random fixed parameters")
  }

  private mutating func number(_ bound: Int) -> Int { min(bound - 1, Int(stream.uniform() * Float(bound))) }
  private mutating func chance(_ share: Float) -> Bool { stream.uniform() < share }
  private mutating func isFixed() -> Bool { fixed.uniform() < 0.2 }
  mutating func pick<Value>(_ values: [Value]) -> Value { values[number(values.count)] }

  mutating func build(_ cell: CellBuilder) {
    let stateNames = Array([["h", "c", "n"], ["s", "x", "W_a"], ["c₁", "état", "tanh"]][number(3)])
    let states = stateNames.prefix(1 + number(3)).map { cell.state($0) }
    pool = Array(states)
    for index in 0..<1 + number(4) { declareMatrix(cell, index, readsInput: index == 0 || chance(0.3)) }
    for index in 0..<number(4) { declareVector(cell, index) }
    if projection.uniform() < 0.4 { addProjection(cell, of: states[0]) }
    if scalars.uniform() < 0.4 { addScalars(cell, of: states[0]) }

    // A value and a state at t that are read before they are set.
    let late = chance(0.5)
    if late { remember(cell.value("late")) }
    if states.count > 1, chance(0.5), let last = states.last { pool.append(cell.next(last)) }

    var names = ["i", "f", "o-gate", "g′", "σ", "start", "let", "3rd", "m1", "b_i", "ₜ", "state"]
    for _ in 0..<2 + number(9) {
      var value = expression()
      if chance(0.5), !names.isEmpty {
        value = cell.define(names.remove(at: number(names.count)), value)
        unused.append(value)
      }
      pool.append(value)
    }
    if chance(0.3), !names.isEmpty, let first = states.first {
      // A second name of a value, and one of a state.
      unused.append(cell.define(names.removeFirst(), pool[number(pool.count)]))
      if !names.isEmpty { unused.append(cell.define(names.removeFirst(), first)) }
    }
    if late { _ = cell.define("late", tanh(states[0] * 0.5)) }
    for (index, state) in states.enumerated().dropLast() {
      pool.append(
        cell.next(state, index == 0 ? joined(unused) : chance(0.2) ? states[index - 1] : expression()))
    }
    guard let last = states.last else { return }
    if states.count == 1 {
      cell.next(last, joined(unused))
    } else {
      // It may have been read above, so it depends on nothing that was.
      cell.next(last, chance(0.2) ? states[0] : sigmoid(states[0] - last / 3))
    }
  }

  private mutating func remember(_ value: CellExpression) {
    pool.append(value)
    unused.append(value)
  }

  private mutating func gates() -> [String] { pick([[""], ["i"], ["i", "f"], ["f", "i", "ö", "at"]]) }

  private mutating func declareMatrix(_ cell: CellBuilder, _ index: Int, readsInput: Bool) {
    let name = pick(["weight_ih", "weight_hh", "W", "w-m*"]) + "\(index)"
    let start = pick([
      ParameterDefinition.Start.xavier, .orthogonal, .zero, .perGate([GateBias(0)]), .perGate([.forget]),
    ])
    let isFixed = isFixed()
    func product(_ map: LinearMap, _ operand: CellExpression) { remember(map(operand)) }
    if chance(0.3) {
      product(
        cell.matrix(name, start: start, fixed: isFixed), readsInput ? cell.input : pool[number(pool.count)])
      return
    }
    let maps: LinearMaps
    let gates: [String]
    switch number(3) {
    case 0: (maps, gates) = (cell.matrices(name, gates: "i", start: start, fixed: isFixed), ["i"])
    case 1:
      (maps, gates) = (
        cell.matrices(name, gates: "r", "i-2", start: .orthogonal, fixed: isFixed), ["r", "i-2"]
      )
    default: (maps, gates) = (cell.matrices(name, gates: "f", "at", "*", fixed: isFixed), ["f", "at", "*"])
    }
    for gate in gates {
      product(maps[dynamicMember: gate], readsInput ? cell.input : pool[number(pool.count)])
    }
  }

  private mutating func declareVector(_ cell: CellBuilder, _ index: Int) {
    let name = pick(["bias", "bias_hh", "weight_ph", "v"]) + "\(index)"
    var start = pick([GateBias.zero, .forget, .keep, GateBias(-0.1, chronoSign: -3), GateBias(-0.0)])
    let isFixed = isFixed()
    if isFixed { start.last = 1.5 }
    if chance(0.4) {
      remember(cell.vector(name, start: start, fixed: isFixed))
    } else {
      let vectors = cell.vectors(name, gates: "i", "at", start: ["at": start], fixed: isFixed)
      for gate in ["i", "at"] { remember(vectors[dynamicMember: gate]) }
    }
  }

  /// A state of the projection size, and what makes values of the other size of it and back.
  private mutating func addProjection(_ cell: CellBuilder, of state: CellExpression) {
    let p = cell.state("p", size: .projection)
    let W = cell.matrices("weight_p", gates: "a", "b", rows: .projection, start: .orthogonal)
    let R = cell.matrix("weight_r"), k = cell.vector("k_p", size: .projection, start: .forget)
    let b = cell.vectors("bias_p", gates: "a", "size", size: .projection)
    remember(R(p))
    let value = W.a(state) + b.a
    let other = max(0.1, k * W.b(state)) * mean(p) + b[dynamicMember: "size"]
    cell.next(p, tanh(value * p) - other / (2 + abs(p)))
  }

  /// A matrix and its transpose, scalars, a power, and a state two steps back.
  private mutating func addScalars(_ cell: CellBuilder, of state: CellExpression) {
    let T = cell.matrices("weight_t", gates: "a", "zero"), a = cell.scalar("alpha", start: .forget)
    let s = cell.scalars("scale", gates: "a", "at", start: ["at": GateBias(-0.5, chronoSign: 1)])
    remember(T.a(state) - T.a.transposed(a * state) + s.a)
    remember(T.zero.transposed(cell.earlier(state, by: 2)) * s.at)
    remember(sigmoid(state).raised(to: 2.5) - (2 + sigmoid(a)).raised(to: -3))
  }

  private mutating func expression() -> CellExpression {
    let a = pool[number(pool.count)], b = pool[number(pool.count)]
    let constant = CellExpression(pick([0, -0.0, 1, -1, 0.1, -2.5, 1e-7, 3e30, 12345678, 1 / 3]))
    switch number(21) {
    case 0: return a + b
    case 1: return a - b
    case 2: return a * b
    case 3: return a / (1.5 + b * b)
    case 4: return -a
    case 5: return sigmoid(a)
    case 6: return tanh(a + constant)
    case 7: return relu(a)
    case 8: return exp(-(a * a))
    case 9: return constant * a
    case 10: return constant - (a + b)
    case 11: return a * (b * a)
    case 12: return -(constant * a) - -b
    case 13: return min(a, b + constant)
    case 14: return max(constant, a) * b
    case 15: return abs(a) + softplus(b)
    case 16: return sqrt(1 + a * a)
    case 17: return log(softplus(a) + 0.5)
    case 18: return (a - mean(a)) / sqrt(variance(a) + 1e-5)
    case 19: return -mean(a * b)
    default: return (a + b) * (a - b) / constant
    }
  }

  /// All of them in one value, nested to the left or to the right.
  private mutating func joined(_ values: [CellExpression]) -> CellExpression {
    var sum = tanh(values[0])
    for value in values.dropFirst() { sum = chance(0.5) ? sum + tanh(value) : tanh(value) * (sum - 0.5) }
    return sum
  }
}
