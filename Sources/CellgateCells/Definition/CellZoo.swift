import CellgateBasics

extension Cell {
  /// The cells of `Zoo`: published ones, each a `.cell` file with its source. A new one is a file there and a line here.
  public static let zoo: [Cell] = [
    published(PackageResources.antisymmetric_rnn_cell),
    published(PackageResources.antisymmetric_rnn_gated_cell),
    published(PackageResources.atr_cell),
    published(PackageResources.brc_cell),
    published(PackageResources.cfn_cell),
    published(PackageResources.cornn_cell),
    published(PackageResources.dsgu_cell),
    published(PackageResources.esn_cell),
    published(PackageResources.fastgrnn_cell),
    published(PackageResources.fastrnn_cell),
    published(PackageResources.gru_layernorm_cell),
    published(PackageResources.indrnn_cell),
    published(PackageResources.intersection_rnn_cell),
    published(PackageResources.janet_cell),
    published(PackageResources.lem_cell),
    published(PackageResources.lightru_cell),
    published(PackageResources.ligru_cell),
    published(PackageResources.lstm_controller_cell),
    published(PackageResources.lstm_layernorm_cell),
    published(PackageResources.lstm_original_cell),
    published(PackageResources.lstm_projected_cell),
    published(PackageResources.lstm_residual_cell),
    published(PackageResources.mingru_cell),
    published(PackageResources.minimal_rnn_cell),
    published(PackageResources.minlstm_cell),
    published(PackageResources.miru1_cell),
    published(PackageResources.miru2_cell),
    published(PackageResources.mtrnn_cell),
    published(PackageResources.multiplicative_lstm_cell),
    published(PackageResources.multiplicative_rnn_cell),
    published(PackageResources.mut1_cell),
    published(PackageResources.mut2_cell),
    published(PackageResources.mut3_cell),
    published(PackageResources.nas_cell),
    published(PackageResources.nbrc_cell),
    published(PackageResources.ran_cell),
    published(PackageResources.scrn_cell),
    published(PackageResources.sgrn_cell),
    published(PackageResources.sgu_cell),
    published(PackageResources.slstm_cell),
    published(PackageResources.sru_cell),
    published(PackageResources.star_cell),
    published(PackageResources.tau_gru_cell),
    published(PackageResources.tgru_cell),
    published(PackageResources.tlstm_cell),
    published(PackageResources.trnn_cell),
    published(PackageResources.ugrnn_cell),
    published(PackageResources.unicornn_cell),
  ]

  /// A cell of this package's files, which are known to be right.
  private static func published(_ text: [UInt8]) -> Cell {
    do throws(CellTextError) {
      return try CellTextReader.cell(text, file: nil)
    } catch {
      fail("Cell: expected a file of a cell that is right, found \(error)")
    }
  }
}
