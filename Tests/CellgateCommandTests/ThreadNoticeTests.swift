import Foundation
import Testing

#if os(Linux)
  @Suite("Refused threads", .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/cc")))
  struct ThreadNoticeTests {
    static let run = "train adding --length 6 --hidden 32 --batch 8 --steps 4 --evaluation-interval 2 --json"

    /// A library to be loaded before others, which refuses all threads but the first `count`.
    private func library(in workplace: Workplace, allowing count: Int) throws -> String {
      let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <pthread.h>
        static int left = \(count);
        int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *x) {
          if (__atomic_fetch_sub(&left, 1, __ATOMIC_SEQ_CST) <= 0) return EAGAIN;
          int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
          return next(t, a, f, x);
        }
        """
      let name = workplace.path + "/threads-\(count)"
      try Data(source.utf8).write(to: URL(fileURLWithPath: name + ".c"))
      let made = try workplace.run(
        shell: "PATH=/usr/bin:/bin cc -shared -fPIC -o '\(name).so' '\(name).c' -ldl")
      try #require(made.status == 0, "\(made.error)")
      return name + ".so"
    }

    @Test(
      "A run goes on with the threads that could be started, says so once, and ends with the same bits",
      arguments: [0, 1, 3])
    func train(started: Int) throws {
      let workplace = try Workplace()
      #expect(try workplace.run(line: Self.run + " --threads 1 --out whole").status == 0)
      let library = try library(in: workplace, allowing: started)
      let run = try workplace.run(
        line: Self.run + " --threads 8 --out few", environment: ["LD_PRELOAD": library])
      #expect(run.status == 0)
      #expect(
        run.error
          == "cellgate: \(started + 1) of 8 threads could be started: Resource temporarily unavailable; results don't change\n"
      )
      for file in ["metrics.csv", "model.safetensors"] {
        #expect(try workplace.data("few/" + file) == workplace.data("whole/" + file))
      }
    }

    @Test("An experiment whose jobs can't be started runs on the command's own thread", arguments: [0, 1, 3])
    func reproduce(started: Int) throws {
      let workplace = try Workplace()
      let library = try library(in: workplace, allowing: started)
      let run = try workplace.run(
        line: "reproduce adding --budget smoke --threads 4 --jobs 4 --out r --json",
        environment: ["LD_PRELOAD": library])
      #expect(run.status == 0)
      #expect(
        run.error
          == "cellgate: \(max(1, started)) of 4 threads could be started: Resource temporarily unavailable; results don't change\n"
      )
    }
  }
#endif
