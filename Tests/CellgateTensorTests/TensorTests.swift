import CellgateTensor
import Testing

@Suite struct TensorTests {
  @Test("A tensor holds its numbers under its shape")
  func basics() {
    let tensor = Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
    #expect(tensor.shape == [2, 3])
    #expect(tensor.rank == 2)
    #expect(tensor.count == 6)
    #expect(tensor.scalars == [1, 2, 3, 4, 5, 6])
    #expect(Tensor(7).item == 7)
    #expect(Tensor(7).shape == [])
    #expect(Tensor.zeros([2, 2]).scalars == [0, 0, 0, 0])
    #expect(Tensor.full([3], 2.5).scalars == [2.5, 2.5, 2.5])
    #expect(Tensor.zeros([3, 0]).scalars == [])
  }

  @Test("A window shares the memory of its storage")
  func window() {
    let storage = Storage(zeros: 10)
    let window = Tensor(storage: storage, offset: 4, shape: [2, 3])
    unsafe storage.pointer[5] = 9
    #expect(window.scalars == [0, 9, 0, 0, 0, 0])
  }

  @Test("A shape that the numbers do not fill stops the program")
  func wrongShape() async {
    await #expect(processExitsWith: .failure) { _ = Tensor([1, 2, 3], shape: [2, 2]) }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([-1]) }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([Int.max, 2]) }
    await #expect(processExitsWith: .failure) { _ = Tensor([1, 2], shape: [2]).item }
  }
}
