import CellgateFiles
import CellgateTensor

/// The images and labels of MNIST, checked.
package struct MNIST {
  /// Pixels of an image.
  package static let pixels = 784
  /// Digits.
  package static let classes = 10

  /// Images of 28 × 28 pixels with their labels.
  package struct Part {
    /// [images, 784], 0 to 255.
    package let pixels: [UInt8]
    /// [images], 0 to 9.
    package let labels: [UInt8]

    /// Images that are loaded already.
    package init(pixels: [UInt8], labels: [UInt8]) { (self.pixels, self.labels) = (pixels, labels) }

    /// How many.
    package var count: Int { labels.count }

    /// Images pixel by pixel, step t showing pixel `order[t]`: x [784, images, 1] in [0, 1], and their labels.
    package func sequences(_ images: [Int], order: [Int]) -> (x: Tensor, classes: [Int32]) {
      let x = Tensor.uninitialized([MNIST.pixels, images.count, 1])
      let output = unsafe x.pointer
      for (column, image) in images.enumerated() {
        for (step, pixel) in order.enumerated() {
          let value = Float(pixels[image * MNIST.pixels + pixel]) / 255
          unsafe output[step * images.count + column] = value
        }
      }
      return (x, images.map { Int32(labels[$0]) })
    }
  }

  /// 60,000 images.
  package let training: Part
  /// 10,000 images.
  package let test: Part

  /// Loads the four IDX files of a folder, gzipped or not; throws what is wrong first.
  package init(folder: String) throws(TaskDataError) {
    training = try Self.part("train", count: 60_000, in: folder)
    test = try Self.part("t10k", count: 10_000, in: folder)
  }

  /// Images that are loaded already.
  package init(training: Part, test: Part) {
    self.training = training
    self.test = test
  }

  /// One part of `count` images.
  package static func part(_ name: String, count: Int, in folder: String) throws(TaskDataError) -> Part {
    let (imageFile, labelFile) = ("\(name)-images-idx3-ubyte", "\(name)-labels-idx1-ubyte")
    let images = try load(imageFile, rank: 3, in: folder)
    let labels = try load(labelFile, rank: 1, in: folder)
    let (imagePath, labelPath) = (folder + "/" + imageFile, folder + "/" + labelFile)
    guard images.dimensions[1] == 28, images.dimensions[2] == 28 else {
      throw .wrongDimensions(file: imagePath, expected: "[\(count), 28, 28]", found: images.dimensions)
    }
    guard labels.dimensions[0] == images.dimensions[0] else {
      throw .countMismatch(
        images: imagePath, imageCount: images.dimensions[0], labels: labelPath,
        labelCount: labels.dimensions[0])
    }
    guard images.dimensions[0] == count else {
      throw .wrongDimensions(file: imagePath, expected: "[\(count), 28, 28]", found: images.dimensions)
    }
    if let row = labels.bytes.firstIndex(where: { $0 >= classes }) {
      throw .labelOutOfRange(file: labelPath, row: row, classes: classes, found: Int(labels.bytes[row]))
    }
    return Part(pixels: images.bytes, labels: labels.bytes)
  }

  private static func load(_ name: String, rank: Int, in folder: String) throws(TaskDataError) -> IDX {
    do throws(IDXError) {
      return try IDX.load(named: name, in: folder, rank: rank)
    } catch {
      if case .missing(let tried) = error {
        throw .missing(tried: tried, command: "cellgate data fetch mnist")
      }
      throw .idx(error)
    }
  }
}
