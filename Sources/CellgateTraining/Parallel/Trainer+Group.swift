import CellgateNN
import CellgateTensor

extension Trainer {
  /// Whether this process keeps the folder and decides.
  var isFirst: Bool { group?.rank ?? 0 == 0 }

  /// What process 0 says, for all.
  func decision(_ own: Bool) -> Bool {
    guard let group else { return own }
    return group.any(isFirst && own)
  }

  /// What the model reaches; nil when it was stopped. All processes evaluate together, and what process 0 then has is true for all.
  func evaluation(_ split: Split, _ context: ForwardContext) throws(TrainingError) -> Evaluation? {
    let found = try bound.evaluate(split, context)
    let isStopped = context.stop?.isMade ?? false
    guard let group else { return isStopped ? nil : found }
    if group.any(isStopped) { return nil }
    var message = group.message {
      var message = ProcessMessage()
      message.add(1 + found.extras.count)
      for value in [found.value] + found.extras { message.add(value) }
      message.add(found.named.count)
      for (name, value) in found.named {
        message.add(name)
        message.add(value)
      }
      message.add(found.remark ?? "")
      return message
    }
    let values = (0..<message.int()).map { _ in message.double() }
    let named = (0..<message.int()).map { _ in (message.text(), message.double()) }
    let remark = message.text()
    return Evaluation(
      values[0], extras: Array(values.dropFirst()), remark: remark.isEmpty ? nil : remark,
      named: Dictionary(named, uniquingKeysWith: { first, _ in first }))
  }

  /// Brings the other processes to where the run of process 0 is: its checkpoint, or the model that it starts from.
  func share() {
    guard let group else { return }
    var message = group.message { state }
    guard !isFirst else { return }
    take(&message)
  }

  private var state: ProcessMessage {
    var message = ProcessMessage()
    let loop = loop.state
    message.add(loop.step)
    message.add(loop.lossSum)
    message.add(loop.lossCount)
    message.add(loop.smoothedSum)
    message.add(loop.gradientNorm)
    message.add(loop.updateSeconds)
    message.add(loop.carried)
    message.add(loop.average.values.map { [$0] } ?? [])
    message.add(loop.average.count)
    message.add(loop.average.best)
    message.add(loop.average.sinceBest)
    message.add(kept.rows)
    message.add(kept.best?.step)
    message.add(kept.best?.value)
    message.add(kept.bestValues.map { [$0] } ?? [])
    message.add(kept.sinceBest)
    message.add(kept.solvedStep)
    message.add([parameters.values])
    message.add(self.loop.optimizer.stepCount)
    message.add(self.loop.optimizer.state.map(\.values))
    let schedule = self.loop.schedule.state
    message.add(schedule.count)
    for (name, value) in schedule {
      message.add(name)
      message.add(value)
    }
    return message
  }

  private func take(_ message: inout ProcessMessage) {
    loop.state.step = message.int()
    loop.state.lossSum = message.double()
    loop.state.lossCount = message.int()
    loop.state.smoothedSum = message.double()
    loop.state.gradientNorm = message.double()
    loop.state.updateSeconds = message.double()
    loop.state.carried = message.tensors()
    loop.state.average.values = message.tensors().first
    loop.state.average.count = message.int()
    loop.state.average.best = message.optionalDouble()
    loop.state.average.sinceBest = message.int()
    kept.rows = message.int()
    let (step, value) = (message.optionalInt(), message.optionalDouble())
    if let step, let value { kept.best = Checkpoint.Best(step: step, value: value) }
    kept.bestValues = message.tensors().first
    kept.sinceBest = message.int()
    kept.solvedStep = message.optionalInt()
    for values in message.tensors() { parameters.assign(values) }
    loop.optimizer.stepCount = message.int()
    for (own, values) in zip(loop.optimizer.state, message.tensors()) { own.values.copy(values) }
    for _ in 0..<message.int() {
      let (name, value) = (message.text(), message.double())
      loop.schedule.state[name] = value
    }
  }
}
