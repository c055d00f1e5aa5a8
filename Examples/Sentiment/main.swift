import Cellgate

// Whether a review praises a film, from its words: the LSTM example of every Keras tutorial.
//
//     swift run -c release --package-path Examples Sentiment [folder with imdb_train.tsv.gz and imdb_test.tsv.gz]

let (train, test) = try Reviews.load(CommandLine.arguments.dropFirst().first)
let words = WordVocabulary(of: train.texts, most: 10_000)
let (x, testX) = (train.numbers(words, length: 200), test.numbers(words, length: 200))

let model = Sequential()
model.add(Embedding(words.count, 32, maskZero: true))
model.add(LSTM(64))
model.add(Dense(1, activation: .sigmoid))
model.compile(optimizer: .adam, loss: .binaryCrossEntropy, metrics: [.accuracy])

try model.build([.sequence()])
print(model.summary)
try model.fit(
  x, train.labels, batchSize: 64, epochs: 4, validationSplit: 0.1,
  callbacks: [EarlyStopping(patience: 0, restoresBest: true)])
print("Test accuracy", try model.evaluate(testX, test.labels)["accuracy"] ?? 0)

// Whoever has the file can use it: cellgate predict sentiment.safetensors --data reviews.txt --out praise.csv
model.preprocessing.words = words.words
model.preprocessing.length = 200
model.preprocessing.labels = ["blame", "praise"]
try model.save("sentiment.safetensors")
