import CellgateData
import CellgateFiles
import CellgateTensor
import Testing

/// What torchvision makes of pictures of a formula; `Golden/pictures/generate_pictures.py` of CellgateNNTests made the checksums.
@Suite("Preparing pictures")
struct PicturePreprocessingTests {
  struct Sample: Sendable, CustomTestStringConvertible {
    var index: Int, width: Int, height: Int, size: Int, crop: Int, checksum: UInt32
    var testDescription: String { "\(width) by \(height) to \(size), \(crop)" }
  }

  static let samples: [Sample] = [
    Sample(index: 0, width: 500, height: 375, size: 256, crop: 224, checksum: 0x9931_6344),
    Sample(index: 1, width: 375, height: 500, size: 256, crop: 224, checksum: 0xC9CA_ED1F),
    Sample(index: 2, width: 500, height: 375, size: 232, crop: 224, checksum: 0xA708_22A0),
    Sample(index: 3, width: 256, height: 256, size: 256, crop: 224, checksum: 0x367C_EFFE),
    Sample(index: 4, width: 256, height: 300, size: 256, crop: 256, checksum: 0xABBF_6560),
    Sample(index: 5, width: 30, height: 45, size: 256, crop: 224, checksum: 0x07A6_BA14),
    Sample(index: 6, width: 1, height: 7, size: 16, crop: 15, checksum: 0x8B17_2E89),
    Sample(index: 7, width: 641, height: 101, size: 64, crop: 33, checksum: 0x803F_32A4),
    Sample(index: 8, width: 1023, height: 767, size: 99, crop: 98, checksum: 0x2C24_29DE),
    Sample(index: 9, width: 97, height: 97, size: 5, crop: 4, checksum: 0xC42B_504B),
  ]

  static func picture(_ index: Int, _ width: Int, _ height: Int) -> RGBPicture {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(3 * width * height)
    for y in 0..<height {
      for x in 0..<width {
        for c in 0..<3 {
          let value = (x * x * (3 + c) + y * y * 5 + x * y * (2 + c) + 37 * index) >> 5
          bytes.append(UInt8(truncatingIfNeeded: value))
        }
      }
    }
    return RGBPicture(width: width, height: height, bytes: bytes)
  }

  @Test("The middle of a resized picture has torchvision's bytes", arguments: samples)
  func cropped(_ sample: Sample) {
    let picture = Self.picture(sample.index, sample.width, sample.height)
    let cropped = PicturePreprocessing(size: sample.size, crop: sample.crop).cropped(picture)
    #expect(cropped.width == sample.crop && cropped.height == sample.crop)
    var checksum = CRC32()
    checksum.update(cropped.bytes)
    #expect(checksum.value == sample.checksum)
  }

  @Test("Numbers are standardised per colour")
  func standardized() {
    let preprocessing = PicturePreprocessing(size: 2, crop: 1)
    let pictures = [[0, 128, 255], [255, 0, 1]].map {
      RGBPicture(width: 1, height: 1, bytes: $0.map { UInt8($0) })
    }
    let x = preprocessing.standardized(pictures)
    #expect(x.shape == [2, 1, 1, 3])
    // (v / 255 - mean) / deviation.
    let expected: [Float] = [-2.117_904, 0.205_182_2, 2.64, 2.248_909_2, -2.035_714_4, -1.787_015]
    for (found, expected) in zip(x.scalars, expected) { #expect(abs(found - expected) < 2e-6) }
  }

  @Test("Pictures of one row or column, and of many, are no trouble")
  func extremes() {
    for (width, height) in [(1, 1), (1, 5_000), (5_000, 1), (3, 2)] {
      let cropped = PicturePreprocessing(size: 20, crop: 20).cropped(
        RGBPicture(width: width, height: height, bytes: [UInt8](repeating: 200, count: 3 * width * height)))
      #expect(cropped.bytes.allSatisfy { $0 == 200 })
    }
  }
}
