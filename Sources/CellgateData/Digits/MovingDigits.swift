import CellgateTensor

/// Sequences of frames in which digits of MNIST move straight on and bounce off the border (Srivastava et al. 2015,
/// https://arxiv.org/abs/1502.04681): they start anywhere, in any direction, 2 to 6 pixels a step, and where they overlap their
/// brightness is added up to white. A digit whose next step would leave the frame turns and steps back instead, as in the set
/// `moving_mnist` of the data folder.
package struct MovingDigits: Sendable {
  /// Pixels of a side, steps of a sequence, and digits in it.
  package let size: Int, steps: Int, digits: Int
  /// Pixels of a digit's side.
  private static let side = 28

  /// Sequences of `digits` digits in frames of size × size, `size` being 28 or more.
  package init(size: Int = 64, steps: Int = 20, digits: Int = 2) {
    (self.size, self.steps, self.digits) = (size, steps, digits)
  }

  /// A sequence [steps, size, size] of digits that are among some images of `part`, a function of the stream.
  package func sequence(
    _ part: MNIST.Part, images: Range<Int>, _ stream: inout RandomStream
  ) -> [UInt8] {
    var frames = [UInt8](repeating: 0, count: steps * size * size)
    let most = Double(size - Self.side)
    for _ in 0..<digits {
      let image =
        images.lowerBound + min(images.count - 1, Int(stream.uniform(in: 0..<1) * Float(images.count)))
      var place = (y: Double(stream.uniform(in: 0..<1)) * most, x: Double(stream.uniform(in: 0..<1)) * most)
      // A direction by rejection, so that no function of the system's library is needed.
      var way = (y: 0.0, x: 0.0), length = 0.0
      repeat {
        way = (Double(stream.uniform(in: -1..<1)), Double(stream.uniform(in: -1..<1)))
        length = (way.y * way.y + way.x * way.x).squareRoot()
      } while length > 1 || length < 0.1
      let speed = Double(stream.uniform(in: 2..<6))
      way = (way.y / length * speed, way.x / length * speed)
      for step in 0..<steps {
        let (top, left) = (Int(place.y.rounded()), Int(place.x.rounded()))
        for row in 0..<Self.side {
          let from = image * MNIST.pixels + row * Self.side
          let to = (step * size + top + row) * size + left
          for column in 0..<Self.side {
            let sum = Int(frames[to + column]) + Int(part.pixels[from + column])
            frames[to + column] = UInt8(min(255, sum))
          }
        }
        (place.y, way.y) = Self.moved(place.y, way.y, most)
        (place.x, way.x) = Self.moved(place.x, way.x, most)
      }
    }
    return frames
  }

  /// The place after a step along an axis, and the way of that step.
  private static func moved(_ place: Double, _ way: Double, _ most: Double) -> (Double, Double) {
    let isInside = 0...most ~= place + way
    let way = isInside ? way : -way
    // In a frame that is hardly larger than a digit a step back may leave it as well.
    return (min(max(0, place + way), most), way)
  }
}
