import CellgateBasics
import CellgateFiles
import CellgateTensor

/// What pictures go through before a network trained on ImageNet sees them, as torchvision's transforms of its weights.
///
/// ```swift
/// let preprocessing = PicturePreprocessing()                 // 256, then 224
/// let x = preprocessing([try RGBPicture(contentsOf: "cat.jpg")])      // [1, 224, 224, 3]
/// ```
///
/// The shorter side is resized to `size` and the other one in proportion, rounded down; the square of `crop` pixels in the
/// middle is taken, divided by 255, and standardised per colour. Resizing is Pillow's bilinear filter, which averages over the
/// pixels that one comes from (antialiasing), first over rows, then over columns, each rounded to 8 bits: the same numbers as
/// Pillow's, and so as torchvision's of a Pillow picture.
///
/// torchvision's weights of 2021 (`IMAGENET1K_V1`) take sizes of 256 and 224, those of 2022 (`IMAGENET1K_V2`) 232 and 224.
public struct PicturePreprocessing: Sendable, Equatable {
  /// Pixels of the shorter side after resizing.
  public let size: Int
  /// Pixels of each side of the square in the middle, at most `size`.
  public let crop: Int
  /// ImageNet's mean of red, green and blue, between 0 and 1.
  public static let mean: [Float] = [0.485, 0.456, 0.406]
  /// ImageNet's deviation of red, green and blue, between 0 and 1.
  public static let deviation: [Float] = [0.229, 0.224, 0.225]

  /// Sizes in pixels, 1 ≤ crop ≤ size.
  public init(size: Int = 256, crop: Int = 224) {
    require(
      crop > 0 && crop <= size,
      "PicturePreprocessing: expected a crop from 1 to the size \(size), found \(crop)")
    (self.size, self.crop) = (size, crop)
  }

  /// The middle of the resized picture, crop by crop pixels. Only what is seen in it is computed.
  public func cropped(_ picture: RGBPicture) -> RGBPicture {
    let (width, height) = (picture.width, picture.height)
    let short = min(width, height)
    // In double, as Python computes int(size · long / short).
    let long = Int(Double(size) * Double(max(width, height)) / Double(short))
    let (newWidth, newHeight) = width <= height ? (size, long) : (long, size)
    let columns = ResizedAxis(
      from: width, to: newWidth, first: Self.first(newWidth, crop), count: crop)
    let rows = ResizedAxis(from: height, to: newHeight, first: Self.first(newHeight, crop), count: crop)
    // Rows of the picture that are needed, with their columns resized.
    let needed = rows.inputs
    var narrow = [UInt8](repeating: 0, count: needed.count * crop * 3)
    var result = [UInt8](repeating: 0, count: crop * crop * 3)
    unsafe picture.bytes.withUnsafeBufferPointer { source in
      unsafe narrow.withUnsafeMutableBufferPointer { target in
        for row in needed {
          unsafe columns.apply(
            source, from: row * width * 3, step: 3, to: target, at: (row - needed.lowerBound) * crop * 3,
            step: 3,
            each: 3)
        }
      }
    }
    unsafe narrow.withUnsafeBufferPointer { source in
      unsafe result.withUnsafeMutableBufferPointer { target in
        unsafe rows.apply(
          source, from: -needed.lowerBound * crop * 3, step: crop * 3, to: target, at: 0, step: crop * 3,
          each: crop * 3)
      }
    }
    return RGBPicture(width: crop, height: crop, bytes: result)
  }

  /// The first pixel of the middle, as Python rounds: halves to the even number.
  private static func first(_ size: Int, _ crop: Int) -> Int {
    Int((Double(size - crop) / 2).rounded(.toNearestOrEven))
  }

  /// The numbers of pictures [n, crop, crop, 3]: resized, cropped and standardised.
  public func callAsFunction(_ pictures: [RGBPicture]) -> Tensor { standardized(pictures.map(cropped)) }

  /// The standardised numbers of pictures that are crop by crop pixels already, [n, crop, crop, 3].
  public func standardized(_ pictures: [RGBPicture]) -> Tensor {
    let result = Tensor.uninitialized([pictures.count, crop, crop, 3])
    let size = crop * crop * 3
    // Of each of the 256 values of each colour its number.
    let table = (0..<256).map { value in
      (0..<3).map { (Float(value) / 255 - Self.mean[$0]) / Self.deviation[$0] }
    }
    let (red, green, blue) = (table.map { $0[0] }, table.map { $0[1] }, table.map { $0[2] })
    let target = unsafe result.pointer
    ThreadPool.current.run(over: pictures.count, grain: 1) { range in
      for index in range {
        let picture = pictures[index]
        require(
          picture.width == crop && picture.height == crop,
          "PicturePreprocessing: expected \(crop) by \(crop) pixels, found \(picture.width) by \(picture.height)"
        )
        let to = unsafe target + index * size
        for pixel in 0..<crop * crop {
          unsafe to[3 * pixel] = red[Int(picture.bytes[3 * pixel])]
          unsafe to[3 * pixel + 1] = green[Int(picture.bytes[3 * pixel + 1])]
          unsafe to[3 * pixel + 2] = blue[Int(picture.bytes[3 * pixel + 2])]
        }
      }
    }
    return result
  }
}

/// What each pixel of a resized row or column is made of: some of Pillow's `Resample.c`, in its whole numbers.
struct ResizedAxis {
  /// Of each output its first input, and its weights, `most` of them in units of 2⁻²².
  private let starts: [Int]
  private let counts: [Int]
  private let weights: [Int32]
  private let most: Int
  /// All inputs that have a part.
  let inputs: Range<Int>

  private static let unit = 22

  /// `count` outputs from the first on, of `size` inputs resized to `newSize`.
  init(from size: Int, to newSize: Int, first: Int, count: Int) {
    let scale = Double(size) / Double(newSize)
    let support = max(scale, 1)
    most = 2 * Int(support.rounded(.up)) + 1
    var (starts, counts, weights): ([Int], [Int], [Int32]) = ([], [], [])
    for output in first..<first + count {
      let centre = (Double(output) + 0.5) * scale
      let low = max(0, Int(centre - support + 0.5))
      let high = min(size, Int(centre + support + 0.5))
      let own = (low..<max(low, high)).map { input in
        max(0, 1 - abs((Double(input) - centre + 0.5) / support))
      }
      let sum = own.reduce(0, +)
      starts.append(low)
      counts.append(own.count)
      for weight in own {
        weights.append(Int32(0.5 + (sum == 0 ? weight : weight / sum) * Double(1 << Self.unit)))
      }
      weights += repeatElement(0, count: most - own.count)
    }
    (self.starts, self.counts, self.weights) = (starts, counts, weights)
    inputs = (starts.first ?? 0)..<zip(starts, counts).reduce(0) { max($0, $1.0 + $1.1) }
  }

  /// Outputs of `each` numbers from inputs of as many, which lie `step` apart.
  func apply(
    _ source: UnsafeBufferPointer<UInt8>, from place: Int, step: Int,
    to target: UnsafeMutableBufferPointer<UInt8>,
    at start: Int, step targetStep: Int, each: Int
  ) {
    for output in starts.indices {
      let (first, to) = (place + starts[output] * step, start + output * targetStep)
      let (own, count) = (output * most, counts[output])
      for number in 0..<each {
        var sum = Int32(1) << Int32(Self.unit - 1)
        for tap in 0..<count {
          sum &+= unsafe Int32(source[first + tap * step + number]) &* weights[own + tap]
        }
        unsafe target[to + number] = UInt8(max(0, min(255, sum >> Int32(Self.unit))))
      }
    }
  }
}
