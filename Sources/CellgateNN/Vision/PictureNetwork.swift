import CellgateBasics
import CellgateFiles
import CellgateTensor

/// A trained convolutional network without its classifier: what it makes of pictures, for inference.
///
/// ```swift
/// let network = try PictureNetwork(.named("resnet50")!, weights: "resnet50.safetensors")
/// let regions = network(x)                             // [B, 224, 224, 3] gives [B, 7, 7, 2048]
/// let features = PictureNetwork.pooled(regions)        // [B, 2048]
/// ```
///
/// The weights have torchvision's names (`conv1.weight`, `layer1.0.bn1.running_mean`, `features.0.0.weight`, …), in a
/// safetensors file. Each batch normalisation becomes part of the convolution before it, and activations and sums of
/// shortcuts are computed with it. Immutable: any threads may share it.
public final class PictureNetwork: Sendable {
  /// What it is made of.
  public let architecture: PictureArchitecture
  private let layers: [Layer]

  private indirect enum Layer: Sendable {
    case convolution(PackedConvolution)
    case maxPool(kernel: Int, stride: Int, padding: Int)
    /// The last convolution of the path adds the shortcut.
    case residual(path: [Layer], last: PackedConvolution, shortcut: [Layer])
  }

  /// What torchvision's batch normalisation adds to variances.
  private static let epsilon = 1e-5

  /// Reads weights from a file; throws what is wrong with it.
  public convenience init(
    _ architecture: PictureArchitecture, weights path: String
  ) throws(PictureNetworkError) {
    let start: [UInt8]
    do throws(FileError) {
      let file = try InputFile(path)
      start = try file.read(at: 0, count: min(2, file.size))
    } catch { throw .weights(.file(error)) }
    // Zip archives, and pickles of version 2 and later.
    guard start != Array("PK".utf8), start.first != 0x80 || path.hasSuffix(".safetensors") else {
      throw .isPyTorch(file: path)
    }
    let file: Safetensors
    do throws(SafetensorsError) { file = try Safetensors(path: path) } catch { throw .weights(error) }
    try self.init(architecture, weights: file)
  }

  /// Takes weights from an opened file; throws what is missing, or has another shape, type or value than it may have.
  public init(_ architecture: PictureArchitecture, weights: Safetensors) throws(PictureNetworkError) {
    self.architecture = architecture
    try Self.checkNames(architecture, weights)
    layers = try architecture.layers.map { layer throws(PictureNetworkError) in
      try Self.layer(layer, weights, architecture)
    }
  }

  // MARK: Inference

  /// The features of each region: x [B, H, W, 3] gives [B, H′, W′, D], H′ = ⌈H / 32⌉ and W′ alike. `stop` is asked after
  /// every layer; once it is made, what this gives must be thrown away.
  public func callAsFunction(_ x: Tensor, stop: StopRequest? = nil) -> Tensor {
    require(
      x.rank == 4 && x.shape[3] == 3, "PictureNetwork: expected an input [B, H, W, 3], found \(x.shape)")
    var y = x.detached
    for layer in layers {
      if stop?.check() == true { return Tensor.zeros([x.shape[0], 1, 1, architecture.features]) }
      y = Self.apply(layer, y)
    }
    return y
  }

  /// The means over all regions: [B, H, W, D] gives [B, D].
  public static func pooled(_ regions: Tensor) -> Tensor {
    grid(regions, height: 1, width: 1).reshaped([regions.shape[0], regions.shape[3]])
  }

  /// The means over the parts of a grid: [B, H, W, D] gives [B, height · width, D], the rows from top to bottom.
  ///
  /// Part i of n has the rows from ⌊i H / n⌋ to ⌈(i + 1) H / n⌉, as of PyTorch's `adaptive_avg_pool2d`; columns alike.
  public static func grid(_ regions: Tensor, height: Int, width: Int) -> Tensor {
    require(
      regions.rank == 4 && height > 0 && width > 0,
      "PictureNetwork.grid: expected regions [B, H, W, D] and a grid of 1 by 1 or more, found \(regions.shape), \(height) by \(width)"
    )
    let (batch, high, wide) = (regions.shape[0], regions.shape[1], regions.shape[2])
    let (size, parts) = (regions.shape[3], height * width)
    if (high, wide) == (height, width) { return regions.reshaped([batch, parts, size]) }
    let result = Tensor.zeros([batch, parts, size])
    func range(_ part: Int, _ parts: Int, _ size: Int) -> Range<Int> {
      part * size / parts..<((part + 1) * size + parts - 1) / parts
    }
    let (source, target) = unsafe (regions.pointer, result.pointer)
    ThreadPool.current.run(over: batch * parts, grain: 1) { places in
      for place in places {
        let (picture, part) = place.quotientAndRemainder(dividingBy: parts)
        let to = unsafe target + place * size
        let (rows, columns) = (range(part / width, height, high), range(part % width, width, wide))
        for row in rows {
          for column in columns {
            let from = unsafe source + ((picture * high + row) * wide + column) * size
            for channel in 0..<size { unsafe to[channel] += from[channel] }
          }
        }
        let count = Float(max(1, rows.count * columns.count))
        for channel in 0..<size { unsafe to[channel] /= count }
      }
    }
    withExtendedLifetime(regions) {}
    return result
  }

  private static func apply(_ layer: Layer, _ x: Tensor) -> Tensor {
    switch layer {
    case .convolution(let convolution): convolution(x)
    case .maxPool(let kernel, let stride, let padding):
      maxPool2d(x, kernel: HeightWidth(kernel), stride: HeightWidth(stride), padding: HeightWidth(padding))
    case .residual(let path, let last, let shortcut):
      last(path.reduce(x) { apply($1, $0) }, adding: shortcut.reduce(x) { apply($1, $0) })
    }
  }

  // MARK: Weights

  /// Throws if a tensor belongs to no part of the network: the weights are another network's.
  private static func checkNames(
    _ architecture: PictureArchitecture, _ weights: Safetensors
  ) throws(PictureNetworkError) {
    var known: Set<String> = []
    for convolution in architecture.convolutions {
      known.insert(convolution.name + ".weight")
      for part in ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"] {
        known.insert(convolution.norm + "." + part)
      }
    }
    for tensor in weights.tensors where !known.contains(tensor.name) {
      if architecture.otherTensors.contains(where: tensor.name.hasPrefix) { continue }
      throw .otherTensor(file: weights.file, network: architecture.name, tensor: tensor.name)
    }
  }

  private static func layer(
    _ layer: PictureLayer, _ weights: Safetensors, _ architecture: PictureArchitecture
  ) throws(PictureNetworkError) -> Layer {
    switch layer {
    case .convolution(let convolution):
      return .convolution(try packed(convolution, convolution.activation, weights, architecture))
    case .maxPool(let kernel, let stride, let padding):
      return .maxPool(kernel: kernel, stride: stride, padding: padding)
    case .residual(let path, let shortcut, let activation):
      guard case .convolution(let last)? = path.last, last.activation == .none else {
        fail("PictureNetwork: expected a residual path that ends in a convolution without an activation")
      }
      return .residual(
        path: try path.dropLast().map { part throws(PictureNetworkError) in
          try Self.layer(part, weights, architecture)
        },
        last: try packed(last, activation, weights, architecture),
        shortcut: try shortcut.map { part throws(PictureNetworkError) in
          try Self.layer(part, weights, architecture)
        })
    }
  }

  /// The convolution with its normalisation: w γ / √(v + ε) and β − m γ / √(v + ε) from the mean m and variance v.
  private static func packed(
    _ convolution: PictureConvolution, _ activation: PackedConvolution.Activation, _ weights: Safetensors,
    _ architecture: PictureArchitecture
  ) throws(PictureNetworkError) -> PackedConvolution {
    func numbers(_ name: String, _ shape: [Int]) throws(PictureNetworkError) -> [Float] {
      guard weights[name] != nil else {
        throw .missingTensor(file: weights.file, network: architecture.name, tensor: name, expected: shape)
      }
      let numbers: [Float]
      do throws(SafetensorsError) {
        numbers = try weights.floats(name, shape: shape)
      } catch { throw .weights(error) }
      guard numbers.allSatisfy(\.isFinite) else { throw .notFinite(file: weights.file, tensor: name) }
      return numbers
    }
    let outputs = convolution.outputs
    var weight = try numbers(convolution.name + ".weight", convolution.weightShape)
    let factor = try numbers(convolution.norm + ".weight", [outputs])
    let offset = try numbers(convolution.norm + ".bias", [outputs])
    let mean = try numbers(convolution.norm + ".running_mean", [outputs])
    let variance = try numbers(convolution.norm + ".running_var", [outputs])
    guard variance.allSatisfy({ $0 >= 0 }) else {
      throw .negativeVariance(file: weights.file, tensor: convolution.norm + ".running_var")
    }
    let size = weight.count / max(1, outputs)
    var bias: [Float] = []
    for output in 0..<outputs {
      let scale = Double(factor[output]) / (Double(variance[output]) + epsilon).squareRoot()
      for place in output * size..<(output + 1) * size {
        weight[place] = Float(Double(weight[place]) * scale)
      }
      bias.append(Float(Double(offset[output]) - Double(mean[output]) * scale))
    }
    return PackedConvolution(
      weight: Tensor(weight, shape: convolution.weightShape), bias: Tensor(bias),
      stride: HeightWidth(convolution.stride), padding: HeightWidth(convolution.padding),
      groups: convolution.groups, activation: activation)
  }
}

/// What is wrong with the weights of a network for pictures.
public enum PictureNetworkError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file is no safetensors file, or a tensor has another shape or type.
  case weights(SafetensorsError)
  /// The file is one of PyTorch's own.
  case isPyTorch(file: String)
  /// A tensor of the network is not in the file.
  case missingTensor(file: String, network: String, tensor: String, expected: [Int])
  /// A tensor is no part of the network.
  case otherTensor(file: String, network: String, tensor: String)
  /// A number is NaN or infinite.
  case notFinite(file: String, tensor: String)
  /// A variance is below 0.
  case negativeVariance(file: String, tensor: String)

  /// One line naming the file and the tensor, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .weights(let error): error.description
    case .isPyTorch(let file):
      "\(file): expected a safetensors file, found one of PyTorch's own; convert it: python3 -c \"import torch; from "
        + "safetensors.torch import save_file; save_file(torch.load('weights.pth'), 'weights.safetensors')\""
    case .missingTensor(let file, let network, let tensor, let expected):
      "\(file): tensor '\(quotedName(tensor))': expected \(expected) for \(network), found none"
    case .otherTensor(let file, let network, let tensor):
      "\(file): expected the tensors of \(network) alone, found '\(quotedName(tensor))', which is another network's"
    case .notFinite(let file, let tensor):
      "\(file): tensor '\(quotedName(tensor))': expected finite numbers, found NaN or infinity"
    case .negativeVariance(let file, let tensor):
      "\(file): tensor '\(quotedName(tensor))': expected variances of 0 or more, found one below"
    }
  }
}
