/// How one cell becomes another whose equations are the same at some value of its new parameters.
///
/// ```swift
/// let retrofit = try Retrofit(from: .lstm, to: .lstmWM)
/// retrofit.sources            // weight_mh: zeros; all others as they are
/// ```
///
/// It is found on the cells' graphs: the new cell's equations, some of its parameters 0 or 1, must be those of the old one.
/// Sums may have their terms in another order.
public struct Retrofit: Sendable {
  /// The cell that there is.
  public let old: Cell
  /// The cell that it becomes.
  public let new: Cell
  /// Where the gates' blocks of each of the new cell's parameters come from, in the order of its parameters and gates.
  public let sources: [[Source]]
  /// Which of the old cell's states each of the new one's is.
  public let states: [Int]

  /// Where the rows of a parameter's gate come from.
  public enum Source: Hashable, Sendable {
    /// A gate of one of the old cell's parameters, by their numbers.
    case old(parameter: Int, gate: Int)
    /// 0, at which what it multiplies is gone.
    case zero
    /// 1, at which what it multiplies stays.
    case one
    /// Its first values as the new cell has them: at the values of the others it makes no difference.
    case initial
  }

  /// Finds how `old` becomes `new`. Throws `RetrofitError` where no values of the new cell's parameters make its equations
  /// those of the old one.
  public init(from old: Cell, to new: Cell) throws(RetrofitError) {
    guard old.noises.isEmpty, new.noises.isEmpty else {
      throw RetrofitError(old: old, new: new, reason: "expected cells without zoneout, found one with it")
    }
    guard old.states.count == new.states.count else {
      throw RetrofitError(
        old: old, new: new,
        reason: "expected \(old.states.count) states (\(old.states.joined(separator: ", "))), "
          + "found \(new.states.count) (\(new.states.joined(separator: ", ")))")
    }
    let found: Unification.Bindings
    switch Unification(old: old, new: new).run() {
    case .found(let bindings): found = bindings
    case .none:
      let state = Unification.mismatch(old: old, new: new)
      throw RetrofitError(
        old: old, new: new,
        reason:
          "at no values of its own parameters does \(new.equation(of: state)) become \(old.equation(of: state))"
      )
    case .tooMany:
      throw RetrofitError(
        old: old, new: new, reason: "expected equations that are compared in \(Unification.mostTries) tries")
    }
    self.old = old
    self.new = new
    states = new.states.indices.map { found.states[$0] ?? $0 }
    sources = new.parameters.enumerated().map { index, parameter in
      parameter.gates.indices.map { found.blocks[Block(parameter: index, gate: $0)] ?? .initial }
    }
  }
}

extension Cell {
  /// The line of the printed equations that gives a state its new value.
  fileprivate func equation(of state: Int) -> String {
    let start = Notation.written(states[state]) + Notation.now + " = "
    return equations().first { $0.hasPrefix(start) } ?? states[state]
  }
}

/// Why a cell can't become another one with the same outputs.
public struct RetrofitError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The cell that there is.
  public let old: String
  /// The cell that it was to become.
  public let new: String
  /// What was expected and what was found.
  public let reason: String

  init(old: Cell, new: Cell, reason: String) {
    self.old = old.name
    self.new = new.name
    self.reason = reason
  }

  /// One line.
  public var description: String { "\(old) can't become \(new): \(reason)" }
}

// MARK: The search

/// Looks for values of a cell's parameters at which its equations are those of another one.
///
/// A goal is a pair of nodes that must be equal, or a node that must be 0 or 1. The alternatives of a goal are lists of
/// goals; they are tried depth first.
private struct Unification {
  let old: Cell, new: Cell
  /// The most goals that are looked at.
  static let mostTries = 200_000

  /// What has been decided.
  struct Bindings {
    var blocks: [Block: Retrofit.Source] = [:]
    /// The old state of each new one.
    var states: [Int: Int] = [:]
    /// The old node that a new one is equal to.
    var nodes: [NodeID: NodeID] = [:]
  }

  enum Outcome {
    case found(Bindings)
    case none
    case tooMany
  }

  private enum Goal {
    case equal(NodeID, NodeID)
    /// The terms of a sum, with their signs, are those of another one, and those that are left over are 0.
    case sums([Term], [Term])
    case zero(NodeID)
    case one(NodeID)
    /// The new value of a state of the new cell is that of its old one.
    case state(Int)
  }

  private struct Term { var node: NodeID, isNegative: Bool }

  /// Goals in a list whose tails are shared.
  private final class Goals {
    let goal: Goal, rest: Goals?
    init(_ goal: Goal, _ rest: Goals?) { (self.goal, self.rest) = (goal, rest) }
  }

  /// States whose new values are taken to be equal to the old cell's of the same place.
  private var assumed: Set<Int> = []

  init(old: Cell, new: Cell) { (self.old, self.new) = (old, new) }

  func run() -> Outcome {
    // The output is the first state of both.
    var start = Bindings()
    start.states[0] = 0
    for state in assumed { start.states[state] = state }
    let first = new.states.indices.first { !assumed.contains($0) } ?? 0
    if !assumed.isEmpty { start.states[first] = first }
    var stack: [(goals: Goals?, bindings: Bindings)] = [(Goals(.state(first), nil), start)]
    var tries = 0
    while let (goals, bindings) = stack.popLast() {
      guard let goals else {
        // States that nothing has asked for: each is the old one of its place.
        guard let open = new.states.indices.first(where: { bindings.states[$0] == nil }) else {
          return .found(bindings)
        }
        var bindings = bindings
        guard let free = old.states.indices.first(where: { !bindings.states.values.contains($0) }) else {
          continue
        }
        bindings.states[open] = free
        stack.append((Goals(.state(open), nil), bindings))
        continue
      }
      tries += 1
      if tries > Self.mostTries { return .tooMany }
      for (added, bindings) in alternatives(goals.goal, bindings).reversed() {
        var list = goals.rest
        for goal in added.reversed() { list = Goals(goal, list) }
        stack.append((list, bindings))
      }
    }
    return .none
  }

  /// A state whose equation has no match, where those of the others may have one.
  static func mismatch(old: Cell, new: Cell) -> Int {
    new.states.indices.first { state in
      var search = Unification(old: old, new: new)
      search.assumed = Set(new.states.indices).subtracting([state])
      if case .found = search.run() { return false }
      return true
    } ?? 0
  }

  /// Ways to reach a goal: what is decided and what must be reached besides. None where it can't be.
  private func alternatives(_ goal: Goal, _ bindings: Bindings) -> [([Goal], Bindings)] {
    switch goal {
    case .state(let state):
      guard let target = bindings.states[state] else { return [] }
      return [([.equal(new.next[state], old.next[target])], bindings)]
    case .equal(let node, let target): return equal(node, target, bindings)
    case .sums(let terms, let targets): return sums(terms, targets, bindings)
    case .zero(let node): return zero(node, bindings)
    case .one(let node): return one(node, bindings)
    }
  }

  private func equal(_ node: NodeID, _ target: NodeID, _ bindings: Bindings) -> [([Goal], Bindings)] {
    if let known = bindings.nodes[node] { return known == target ? [([], bindings)] : [] }
    if let state = new.next.firstIndex(of: node), assumed.contains(state), old.next[state] == target {
      return [([], bindings)]
    }
    // The same sizes, but for constants, which have none.
    if let size = new.graph.sizes[node], let other = old.graph.sizes[target], size != other { return [] }
    var decided = bindings
    decided.nodes[node] = target
    let (own, other) = (new.graph[node], old.graph[target])
    var found: [([Goal], Bindings)] = []
    switch (own.operation, other.operation) {
    case (.input, .input): return [([], decided)]
    case (.state(let state), .state(let target)):
      if let known = bindings.states[state] { return known == target ? [([], decided)] : [] }
      guard !bindings.states.values.contains(target), new.stateSizes[state] == old.stateSizes[target] else {
        return []
      }
      decided.states[state] = target
      return [([.state(state)], decided)]
    case (.constant(let value), .constant(let target)): return value == target ? [([], decided)] : []
    case (.product(let block), .product(let target)), (.vector(let block), .vector(let target)),
      (.transposedProduct(let block), .transposedProduct(let target)):
      if let bound = bind(block, .old(parameter: target.parameter, gate: target.gate), decided) {
        found.append((zip(own.operands, other.operands).map { .equal($0, $1) }, bound))
      }
    case (.add, _), (.subtract, _), (_, .add), (_, .subtract):
      // A sum that is no sum at both ends comes back here as a single term.
      let terms = Self.terms(of: node, new.graph), targets = Self.terms(of: target, old.graph)
      if terms.count > 1 {
        return [([.sums(terms, targets)], decided)]
      }
    case (let operation, let target) where operation == target:
      found.append((zip(own.operands, other.operands).map { .equal($0, $1) }, decided))
      if [.multiply, .minimum, .maximum].contains(operation) {
        found.append((zip(own.operands, other.operands.reversed()).map { .equal($0, $1) }, decided))
      }
    default: break
    }
    // A factor of 1 is none.
    switch own.operation {
    case .multiply:
      found.append(([.one(own.operands[1]), .equal(own.operands[0], target)], decided))
      found.append(([.one(own.operands[0]), .equal(own.operands[1], target)], decided))
    case .divide: found.append(([.one(own.operands[1]), .equal(own.operands[0], target)], decided))
    default: break
    }
    return found
  }

  private func sums(_ terms: [Term], _ targets: [Term], _ bindings: Bindings) -> [([Goal], Bindings)] {
    guard let target = targets.first else { return [(terms.map { .zero($0.node) }, bindings)] }
    guard terms.count >= targets.count else { return [] }
    return terms.indices.filter { terms[$0].isNegative == target.isNegative }.map { index in
      var rest = terms
      rest.remove(at: index)
      return (
        [.equal(terms[index].node, target.node), .sums(rest, Array(targets.dropFirst()))], bindings
      )
    }
  }

  private func zero(_ node: NodeID, _ bindings: Bindings) -> [([Goal], Bindings)] {
    let own = new.graph[node]
    func each(_ operands: [NodeID]) -> ([Goal], Bindings) { (operands.map { .zero($0) }, bindings) }
    switch own.operation {
    case .constant(let value): return value == 0 ? [([], bindings)] : []
    case .vector(let block): return bind(block, .zero, bindings).map { [([], $0)] } ?? []
    case .product(let block), .transposedProduct(let block):
      return (bind(block, .zero, bindings).map { [([], $0)] } ?? []) + [each(own.operands)]
    case .tanh, .relu, .negate, .absolute, .squareRoot, .reduction: return [each(own.operands)]
    case .add, .subtract, .minimum, .maximum: return [each(own.operands)]
    case .multiply: return own.operands.map { each([$0]) }
    case .divide: return [each([own.operands[0]])]
    default: return []
    }
  }

  private func one(_ node: NodeID, _ bindings: Bindings) -> [([Goal], Bindings)] {
    let own = new.graph[node]
    switch own.operation {
    case .constant(let value): return value == 1 ? [([], bindings)] : []
    case .vector(let block): return bind(block, .one, bindings).map { [([], $0)] } ?? []
    case .exp: return [([.zero(own.operands[0])], bindings)]
    case .multiply: return [(own.operands.map { .one($0) }, bindings)]
    default: return []
    }
  }

  /// The bindings with a block's source; nil where it has another one, or the sizes differ.
  private func bind(_ block: Block, _ source: Retrofit.Source, _ bindings: Bindings) -> Bindings? {
    if let known = bindings.blocks[block] { return known == source ? bindings : nil }
    if case .old(let parameter, _) = source {
      let (own, other) = (new.parameters[block.parameter], old.parameters[parameter])
      guard own.rows == other.rows, own.columns == other.columns, own.isScalar == other.isScalar else {
        return nil
      }
    }
    var bindings = bindings
    bindings.blocks[block] = source
    return bindings
  }

  /// The terms of a sum of sums and differences, in order.
  private static func terms(of root: NodeID, _ graph: Graph) -> [Term] {
    var found: [Term] = []
    var stack = [Term(node: root, isNegative: false)]
    while let term = stack.popLast() {
      let node = graph[term.node]
      switch node.operation {
      case .add, .subtract:
        let second = term.isNegative != (node.operation == .subtract)
        stack.append(Term(node: node.operands[1], isNegative: second))
        stack.append(Term(node: node.operands[0], isNegative: term.isNegative))
      case .negate: stack.append(Term(node: node.operands[0], isNegative: !term.isNegative))
      default: found.append(term)
      }
      // A value that is added to itself again and again has more terms than nodes.
      if found.count + stack.count > 1000 { return [Term(node: root, isNegative: false)] }
    }
    return found
  }
}
