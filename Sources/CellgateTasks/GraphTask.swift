import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTraining

/// A task whose model is a graph of layers that its settings and its data describe: a description is all that it needs of a model.
public protocol GraphTask: SequenceTask where Objective.Model == CellgateNN.Model {
  /// The model for a cell as data. Throws for options that make no model; those of valid settings make one.
  func description(cell: Cell) throws(LayerError) -> ModelDescription
}

extension GraphTask {
  /// The model of the settings; its first values depend on the seed alone.
  public func makeModel(cell: Cell) -> CellgateNN.Model { graph(cell: cell) }

  /// The model of the description, for a task that changes some of its first values.
  func graph(cell: Cell) -> CellgateNN.Model {
    do throws(LayerError) {
      return try CellgateNN.Model(
        description(cell: cell), seed: settings.seed, initialization: settings.start)
    } catch {
      fail("\(Self.self): expected options of a model, found \(error)")
    }
  }

  /// The parameters of that model, without making it.
  public func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape> {
    do throws(LayerError) { return try CellgateNN.Model.parameterShapes(description(cell: cell)) } catch {
      fail("\(Self.self): expected options of a model, found \(error)")
    }
  }
}
