import CellgateTensor

extension OperationCase {
  /// Convolutions and pooling.
  static var convolutions: [OperationCase] { overTime + overPictures + pooling }

  private static var overTime: [OperationCase] {
    func convolution(
      _ name: String, _ x: [Int], _ weight: [Int], stride: Int = 1, padding: Padding = 0, dilation: Int = 1,
      groups: Int = 1,
      large: ([Int], [Int])? = nil, many: ([Int], [Int])? = nil
    ) -> OperationCase {
      OperationCase(
        name, [Input(x), Input(weight), Input([weight[0]])],
        large: large.map { [Input($0.0), Input($0.1), Input([$0.1[0]])] },
        many: many.map { [Input($0.0), Input($0.1), Input([$0.1[0]])] }, tolerance: 2e-6,
        multiplyAdds: large.map { $0.0[0] * $0.0[1] * $0.1.reduce(1, *) },
        {
          conv1d(
            $0[0], weight: $0[1], bias: $0[2], stride: stride, padding: padding, dilation: dilation,
            groups: groups)
        },
        reference: { x in
          let (steps, batch, outputs, taps) = (x[0].shape[0], x[0].shape[1], x[1].shape[0], x[1].shape[2])
          let (each, share) = (x[1].shape[1], outputs / groups)
          let length = (steps + padding.before + padding.after - dilation * (taps - 1) - 1) / stride + 1
          return DoubleArray([length, batch, outputs]) { index in
            var sum = x[2][[index[2]]]
            for channel in 0..<each {
              for tap in 0..<taps {
                let place = [
                  index[0] * stride + tap * dilation - padding.before, index[1],
                  index[2] / share * each + channel,
                ]
                sum += x[1][[index[2], channel, tap]] * x[0].padded(place)
              }
            }
            return sum
          }
        })
    }
    return [
      convolution(
        "conv1d", [7, 2, 3], [4, 3, 3], large: ([128, 16, 64], [64, 64, 3]), many: ([40, 5, 6], [8, 6, 3])),
      convolution(
        "conv1d_padded", [7, 2, 3], [4, 3, 3], padding: 1, large: ([128, 16, 64], [64, 64, 3]),
        many: ([40, 5, 6], [8, 6, 3])),
      convolution(
        "conv1d_strided", [9, 2, 4], [6, 2, 5], stride: 2, padding: 2, groups: 2,
        many: ([70, 5, 4], [6, 2, 5])),
      convolution("conv1d_dilated", [9, 1, 3], [2, 3, 3], padding: 3, dilation: 3),
      convolution(
        "conv1d_causal", [6, 2, 2], [3, 2, 3], padding: Padding(before: 4, after: 0), dilation: 2),
      convolution("conv1d_point", [4, 2, 3], [5, 3, 1], stride: 3),
      convolution("conv1d_gaps", [9, 1, 2], [2, 2, 2], stride: 3),
      convolution("conv1d_no_batch", [4, 0, 3], [5, 3, 2]),
    ]
  }

  private static var overPictures: [OperationCase] {
    func convolution(
      _ name: String, _ x: [Int], _ weight: [Int], stride: HeightWidth = 1, padding: HeightWidth = 0,
      dilation: HeightWidth = 1,
      groups: Int = 1, large: ([Int], [Int])? = nil, many: ([Int], [Int])? = nil
    ) -> OperationCase {
      OperationCase(
        name, [Input(x), Input(weight), Input([weight[0]])],
        large: large.map { [Input($0.0), Input($0.1), Input([$0.1[0]])] },
        many: many.map { [Input($0.0), Input($0.1), Input([$0.1[0]])] }, tolerance: 2e-6,
        multiplyAdds: large.map { $0.0[0] * $0.0[1] * $0.0[2] * $0.1.reduce(1, *) },
        {
          conv2d(
            $0[0], weight: $0[1], bias: $0[2], stride: stride, padding: padding, dilation: dilation,
            groups: groups)
        },
        reference: { x in
          let (outputs, each) = (x[1].shape[0], x[1].shape[1])
          let (high, wide) = (x[1].shape[2], x[1].shape[3])
          let height =
            (x[0].shape[1] + 2 * padding.height - dilation.height * (high - 1) - 1) / stride.height + 1
          let width = (x[0].shape[2] + 2 * padding.width - dilation.width * (wide - 1) - 1) / stride.width + 1
          return DoubleArray([x[0].shape[0], height, width, outputs]) { index in
            var sum = x[2][[index[3]]]
            for channel in 0..<each {
              for row in 0..<high {
                for column in 0..<wide {
                  let place = [
                    index[0], index[1] * stride.height + row * dilation.height - padding.height,
                    index[2] * stride.width + column * dilation.width - padding.width,
                    index[3] / (outputs / groups) * each + channel,
                  ]
                  sum += x[1][[index[3], channel, row, column]] * x[0].padded(place)
                }
              }
            }
            return sum
          }
        })
    }
    return [
      convolution(
        "conv2d", [2, 5, 4, 3], [4, 3, 3, 3], padding: 1, large: ([4, 32, 32, 32], [32, 32, 3, 3]),
        many: ([3, 12, 9, 5], [7, 5, 3, 3])),
      convolution("conv2d_large", [1, 7, 7, 2], [3, 2, 5, 5], stride: 2, padding: 2),
      convolution("conv2d_depthwise", [2, 4, 3, 4], [4, 1, 3, 3], padding: 1, groups: 4),
      convolution(
        "conv2d_depthwise_many", [1, 3, 4, 17], [17, 1, 3, 3], padding: 1, groups: 17,
        large: ([4, 64, 64, 17], [17, 1, 3, 3]), many: ([3, 12, 9, 17], [17, 1, 3, 3])),
      convolution(
        "conv2d_depthwise_strided", [1, 6, 7, 3], [3, 1, 3, 3], stride: 2, padding: 1, groups: 3),
      convolution(
        "conv2d_depthwise_uneven", [1, 5, 6, 2], [2, 1, 2, 3], stride: HeightWidth(height: 1, width: 3),
        padding: HeightWidth(height: 1, width: 2), dilation: HeightWidth(height: 2, width: 1), groups: 2),
      convolution("conv2d_groups", [1, 4, 4, 4], [6, 2, 3, 3], padding: 1, groups: 2),
      convolution("conv2d_point", [2, 3, 4, 5], [6, 5, 1, 1], many: ([4, 9, 8, 17], [20, 17, 1, 1])),
      convolution("conv2d_point_strided", [2, 3, 4, 5], [6, 5, 1, 1], stride: 2),
      convolution(
        "conv2d_uneven", [1, 6, 5, 2], [2, 2, 2, 3], stride: HeightWidth(height: 2, width: 1),
        padding: HeightWidth(height: 0, width: 1), dilation: HeightWidth(height: 1, width: 2)),
      convolution("conv2d_empty", [0, 4, 4, 2], [3, 2, 2, 2]),
    ]
  }

  private static var pooling: [OperationCase] {
    func overTime(
      _ name: String, _ shape: [Int], kernel: Int, stride: Int? = nil, padding: Padding = 0,
      countsPadding: Bool = true, large: [Int]? = nil
    ) -> [OperationCase] {
      @Sendable func definition(_ x: DoubleArray, _ f: ([Double?]) -> Double) -> DoubleArray {
        let length = (x.shape[0] + padding.before + padding.after - kernel) / (stride ?? kernel) + 1
        return DoubleArray([length, x.shape[1], x.shape[2]]) { index in
          f(
            (0..<kernel).map { tap in
              let place = index[0] * (stride ?? kernel) + tap - padding.before
              return place >= 0 && place < x.shape[0] ? x[[place, index[1], index[2]]] : nil
            })
        }
      }
      return [
        OperationCase(
          "max_pool1d\(name)", [Input(shape, .apart)], large: large.map { [Input($0)] },
          { maxPool1d($0[0], kernel: kernel, stride: stride, padding: padding) },
          reference: { x in definition(x[0]) { $0.compactMap { $0 }.max() ?? 0 } }),
        OperationCase(
          "avg_pool1d\(name)", [Input(shape)], large: large.map { [Input($0)] },
          {
            avgPool1d($0[0], kernel: kernel, stride: stride, padding: padding, countsPadding: countsPadding)
          },
          reference: { x in
            definition(x[0]) { numbers in
              let inside = numbers.compactMap { $0 }
              return inside.reduce(0, +) / Double(countsPadding ? numbers.count : inside.count)
            }
          }),
      ]
    }
    func overPictures(
      _ name: String, _ shape: [Int], kernel: HeightWidth, stride: HeightWidth? = nil,
      padding: HeightWidth = 0, countsPadding: Bool = true,
      large: [Int]? = nil
    ) -> [OperationCase] {
      @Sendable func definition(_ x: DoubleArray, _ f: ([Double?]) -> Double) -> DoubleArray {
        let step = stride ?? kernel
        let height = (x.shape[1] + 2 * padding.height - kernel.height) / step.height + 1
        let width = (x.shape[2] + 2 * padding.width - kernel.width) / step.width + 1
        return DoubleArray([x.shape[0], height, width, x.shape[3]]) { index in
          f(
            DoubleArray.indices([kernel.height, kernel.width]).map { tap in
              let row = index[1] * step.height + tap[0] - padding.height
              let column = index[2] * step.width + tap[1] - padding.width
              guard row >= 0, row < x.shape[1], column >= 0, column < x.shape[2] else { return nil }
              return x[[index[0], row, column, index[3]]]
            })
        }
      }
      return [
        OperationCase(
          "max_pool2d\(name)", [Input(shape, .apart)], large: large.map { [Input($0)] },
          { maxPool2d($0[0], kernel: kernel, stride: stride, padding: padding) },
          reference: { x in definition(x[0]) { $0.compactMap { $0 }.max() ?? 0 } }),
        OperationCase(
          "avg_pool2d\(name)", [Input(shape)], large: large.map { [Input($0)] },
          {
            avgPool2d($0[0], kernel: kernel, stride: stride, padding: padding, countsPadding: countsPadding)
          },
          reference: { x in
            definition(x[0]) { numbers in
              let inside = numbers.compactMap { $0 }
              return inside.reduce(0, +) / Double(countsPadding ? numbers.count : inside.count)
            }
          }),
      ]
    }
    return overTime("", [6, 2, 3], kernel: 2, large: [128, 16, 256])
      + overTime("_overlapping", [7, 1, 2], kernel: 3, stride: 2, padding: 1)
      + overTime("_inside", [5, 1, 2], kernel: 3, stride: 1, padding: 1, countsPadding: false)
      + overPictures("", [2, 4, 4, 3], kernel: 2, large: [4, 64, 64, 32])
      + overPictures("_overlapping", [1, 5, 4, 2], kernel: 3, stride: 2, padding: 1)
      + overPictures(
        "_uneven", [1, 4, 5, 2], kernel: HeightWidth(height: 1, width: 3),
        stride: HeightWidth(height: 2, width: 1),
        padding: HeightWidth(height: 0, width: 1), countsPadding: false)
  }
}
