import CellgateTensor

/// A convolutional network for pictures as data: its layers in order, with the names that their weights have in a file.
///
/// ```swift
/// let network = try PictureNetwork(.named("resnet50")!, weights: "resnet50.safetensors")
/// ```
public struct PictureArchitecture: Sendable, Equatable {
  /// Its name, as torchvision's but with dashes.
  public let name: String
  /// From the picture [B, H, W, 3] to the features [B, H′, W′, D].
  public let layers: [PictureLayer]
  /// The numbers of a region, D.
  public let features: Int
  /// Pixels of a picture's side that become one region's.
  public let reduction: Int
  /// How the names of tensors begin that a file may have beside the network's: those of the classifier.
  public let otherTensors: [String]

  /// All that are known.
  public static let all: [PictureArchitecture] = [
    .residual("resnet152", blocks: [3, 8, 36, 3]), .residual("resnet101", blocks: [3, 4, 23, 3]),
    .residual("resnet50", blocks: [3, 4, 6, 3]), .mobileNetV2,
  ]

  /// The one of a name.
  public static func named(_ name: String) -> PictureArchitecture? { all.first { $0.name == name } }

  /// All convolutions, in the order of the layers.
  public var convolutions: [PictureConvolution] { layers.flatMap(\.convolutions) }
}

/// A part of a network for pictures.
public indirect enum PictureLayer: Sendable, Equatable {
  /// A convolution with its batch normalisation and activation.
  case convolution(PictureConvolution)
  /// The largest of `kernel` by `kernel` numbers, the windows `stride` apart, with `padding` around the picture.
  case maxPool(kernel: Int, stride: Int, padding: Int)
  /// activation(path(x) + shortcut(x)); an empty shortcut gives x.
  case residual(path: [PictureLayer], shortcut: [PictureLayer], activation: PackedConvolution.Activation)

  /// All convolutions of the part.
  var convolutions: [PictureConvolution] {
    switch self {
    case .convolution(let convolution): [convolution]
    case .maxPool: []
    case .residual(let path, let shortcut, _): (path + shortcut).flatMap(\.convolutions)
    }
  }
}

/// A convolution of a network for pictures, without a bias, and the batch normalisation after it.
public struct PictureConvolution: Sendable, Equatable {
  /// The names of the convolution and of the normalisation: what stands before `.weight`, `.running_mean` and so on.
  public let name: String, norm: String
  /// Channels of the input and output.
  public let inputs: Int, outputs: Int
  /// Pixels of the kernel's sides, between its places, and around the picture.
  public let kernel: Int, stride: Int
  /// Groups of channels that see each other alone.
  public let groups: Int
  /// What the result passes through.
  public let activation: PackedConvolution.Activation

  /// Pixels around the picture: as many as keep its size.
  public var padding: Int { kernel / 2 }
  /// The weight's shape, [O, C / groups, K, K].
  public var weightShape: [Int] { [outputs, inputs / groups, kernel, kernel] }

  init(
    _ name: String, norm: String, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1,
    groups: Int = 1,
    activation: PackedConvolution.Activation = .none
  ) {
    (self.name, self.norm, self.inputs, self.outputs) = (name, norm, inputs, outputs)
    (self.kernel, self.stride, self.groups, self.activation) = (kernel, stride, groups, activation)
  }
}

extension PictureArchitecture {
  /// Deep residual networks of bottlenecks, the stride in the middle one of their three convolutions, as torchvision has them.
  ///
  /// Source: He et al. 2016, https://arxiv.org/abs/1512.03385
  static func residual(_ name: String, blocks: [Int]) -> PictureArchitecture {
    var layers: [PictureLayer] = [
      .convolution(PictureConvolution("conv1", norm: "bn1", 3, 64, kernel: 7, stride: 2, activation: .relu)),
      .maxPool(kernel: 3, stride: 2, padding: 1),
    ]
    var channels = 64
    for (stage, count) in blocks.enumerated() {
      let width = 64 << stage
      for block in 0..<count {
        let (own, stride) = ("layer\(stage + 1).\(block).", block == 0 && stage > 0 ? 2 : 1)
        let shortcut = PictureConvolution(
          own + "downsample.0", norm: own + "downsample.1", channels, 4 * width, kernel: 1, stride: stride)
        let path = [
          PictureConvolution(own + "conv1", norm: own + "bn1", channels, width, kernel: 1, activation: .relu),
          PictureConvolution(
            own + "conv2", norm: own + "bn2", width, width, kernel: 3, stride: stride, activation: .relu),
          PictureConvolution(own + "conv3", norm: own + "bn3", width, 4 * width, kernel: 1),
        ]
        layers.append(
          .residual(
            path: path.map { .convolution($0) }, shortcut: block == 0 ? [.convolution(shortcut)] : [],
            activation: .relu))
        channels = 4 * width
      }
    }
    return PictureArchitecture(
      name: name, layers: layers, features: channels, reduction: 32, otherTensors: ["fc."])
  }

  /// MobileNetV2 of width 1: inverted residuals, whose middle convolution sees each channel alone.
  ///
  /// Source: Sandler et al. 2018, https://arxiv.org/abs/1801.04381, table 2
  static let mobileNetV2: PictureArchitecture = {
    let stages: [(expansion: Int, outputs: Int, count: Int, stride: Int)] = [
      (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
      (6, 320, 1, 1),
    ]
    var layers: [PictureLayer] = [
      .convolution(
        PictureConvolution(
          "features.0.0", norm: "features.0.1", 3, 32, kernel: 3, stride: 2, activation: .relu6))
    ]
    var (channels, index) = (32, 1)
    for stage in stages {
      for block in 0..<stage.count {
        let (stride, hidden) = (block == 0 ? stage.stride : 1, stage.expansion * channels)
        let own = "features.\(index).conv."
        var (path, part): ([PictureConvolution], Int) = ([], 0)
        if stage.expansion > 1 {
          path.append(
            PictureConvolution(
              own + "0.0", norm: own + "0.1", channels, hidden, kernel: 1, activation: .relu6))
          part = 1
        }
        path.append(
          PictureConvolution(
            own + "\(part).0", norm: own + "\(part).1", hidden, hidden, kernel: 3, stride: stride,
            groups: hidden,
            activation: .relu6))
        path.append(
          PictureConvolution(
            own + "\(part + 1)", norm: own + "\(part + 2)", hidden, stage.outputs, kernel: 1))
        let parts = path.map { PictureLayer.convolution($0) }
        if stride == 1, channels == stage.outputs {
          layers.append(.residual(path: parts, shortcut: [], activation: .none))
        } else {
          layers += parts
        }
        (channels, index) = (stage.outputs, index + 1)
      }
    }
    layers.append(
      .convolution(
        PictureConvolution(
          "features.18.0", norm: "features.18.1", channels, 1280, kernel: 1, activation: .relu6)))
    return PictureArchitecture(
      name: "mobilenet-v2", layers: layers, features: 1280, reduction: 32, otherTensors: ["classifier."])
  }()
}
