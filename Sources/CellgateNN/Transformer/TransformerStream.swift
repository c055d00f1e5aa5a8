import CellgateBasics
import CellgateTensor

/// A causal ``TransformerEncoder`` with a window a step at a time, with its weights packed once.
///
/// Immutable: any threads may share it. The keys and values that belong to sequences are in a ``TransformerCache``.
final class TransformerStream: Sendable {
  /// A normalisation's numbers.
  struct Norm: Sendable {
    let weight: [Float], bias: [Float], epsilon: Float

    init(_ norm: LayerNormalization) {
      (weight, bias) = (norm.weight.value.scalars, norm.bias.value.scalars)
      epsilon = norm.options.epsilon
    }
  }

  /// A layer: the maps of queries, keys, values and contexts, those of the feed-forward part, and the normalisations.
  struct Block: Sendable {
    let attention: [PackedLinear], maps: [PackedLinear], norms: [Norm]
  }

  let options: TransformerEncoder.Options
  let inputSize: Int
  /// D, units between the maps of the feed-forward part, and W.
  let units: Int, inner: Int, window: Int
  let input: PackedLinear?
  let blocks: [Block]
  let norm: Norm?
  /// Sinusoidal positions [W, D]; nil for none.
  let table: [Float]?
  /// The most numbers that a row of a map's inputs takes besides.
  var wordCount: Int {
    let maps = (input.map { [$0] } ?? []) + blocks.flatMap { $0.attention + $0.maps }
    return maps.map(\.wordCount).max() ?? 0
  }
  /// The angles of rotary positions, of each pair of a head from one place to the next; none without.
  let rates: [Double]

  /// The stack of a layer that is built, for inputs of such a size; nil for layers that don't go on step by step.
  init?(_ layer: TransformerEncoder, inputSize: Int) {
    guard let window = layer.window, let first = layer.layers.first else { return nil }
    options = layer.options
    self.window = window
    self.inputSize = inputSize
    input = layer.input.map { $0.packed() }
    units = first.block.maps[1].weight.shape[0]
    inner = first.block.maps[0].weight.shape[0]
    blocks = layer.layers.map { layer in
      Block(
        attention: layer.block.attentions[0].attention.builtMaps.map { $0.packed() },
        maps: layer.block.maps.map { $0.packed() },
        norms: layer.block.norms.map { Norm($0) })
    }
    norm = layer.norm.map { Norm($0) }
    table =
      options.positions == .sinusoidal
      ? SinusoidalPositions.table(places: window, size: units).scalars : nil
    rates =
      options.positions == .rotary ? RotaryPositions.rates(units / options.layer.heads) : []
  }

  /// Keys that lie together, number by number: a product reads a block of them from its start to its end.
  static let keysOfBlock = 64
  /// Places for keys: W rounded up to whole blocks.
  var keyCount: Int { (window + Self.keysOfBlock - 1) / Self.keysOfBlock * Self.keysOfBlock }

  /// Numbers of a sequence's states: how many steps it has had, in two parts, and of each layer its keys
  /// [⌈W / 64⌉, D, 64] and values [W, D], each at the place of its step modulo W.
  var stateCount: Int { 2 + blocks.count * layerCount }
  var layerCount: Int { units * (keyCount + window) }
}
