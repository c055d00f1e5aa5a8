#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A lock, and a wait for what others change under it: POSIX's mutex with its condition variable.
@safe package final class Condition: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let variable = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package init() {
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe variable.initialize(to: pthread_cond_t())
    unsafe pthread_mutex_init(mutex, nil)
    #if canImport(Darwin)
      unsafe pthread_cond_init(variable, nil)
    #else
      // The clock of the day jumps, and a wait by it would last as much longer.
      var attributes = pthread_condattr_t()
      unsafe pthread_condattr_init(&attributes)
      unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      unsafe pthread_cond_init(variable, &attributes)
      unsafe pthread_condattr_destroy(&attributes)
    #endif
  }

  deinit {
    unsafe pthread_cond_destroy(variable)
    unsafe pthread_mutex_destroy(mutex)
    unsafe variable.deallocate()
    unsafe mutex.deallocate()
  }

  package func lock() { unsafe pthread_mutex_lock(mutex) }
  package func unlock() { unsafe pthread_mutex_unlock(mutex) }
  /// Wakes one that waits.
  package func signal() { unsafe pthread_cond_signal(variable) }
  /// Wakes all that wait.
  package func broadcast() { unsafe pthread_cond_broadcast(variable) }
  /// Gives the lock away until it is woken, which may happen without a cause, too.
  package func wait() { unsafe pthread_cond_wait(variable, mutex) }

  /// The same for so many seconds at most.
  package func wait(seconds: Double) {
    var time = timespec()
    #if !canImport(Darwin)
      unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    #endif
    let nanoseconds = Double(time.tv_nsec) + seconds * 1e9
    time.tv_sec += Int(nanoseconds / 1e9)
    time.tv_nsec = Int(nanoseconds.truncatingRemainder(dividingBy: 1e9))
    #if canImport(Darwin)
      unsafe pthread_cond_timedwait_relative_np(variable, mutex, &time)
    #else
      unsafe pthread_cond_timedwait(variable, mutex, &time)
    #endif
  }
}
