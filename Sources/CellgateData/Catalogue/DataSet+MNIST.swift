extension DataSet {
  /// 70,000 handwritten digits of 28 × 28 pixels with their labels.
  public static let mnist = DataSet(
    name: "mnist",
    summary: "MNIST handwritten digits: 60,000 training and 10,000 test images of 28 × 28 pixels",
    licence: "Y. LeCun, C. Cortes, C. J. C. Burges; CC BY-SA 3.0",
    files: [
      DataFile(
        path: "mnist/train-images-idx3-ubyte.gz",
        sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", bytes: 9_912_422),
      DataFile(
        path: "mnist/train-labels-idx1-ubyte.gz",
        sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", bytes: 28_881),
      DataFile(
        path: "mnist/t10k-images-idx3-ubyte.gz",
        sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", bytes: 1_648_877),
      DataFile(
        path: "mnist/t10k-labels-idx1-ubyte.gz",
        sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", bytes: 4_542),
    ],
    mirrors: [
      "https://ossci-datasets.s3.amazonaws.com/mnist/",
      "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ])
}
