@_exported import CellgateCells
@_exported import CellgateFormats
@_exported import CellgateNN
@_exported import CellgateTasks
@_exported import CellgateTensor
@_exported import CellgateTraining
