// Lets the system fail a program at one moment; .ci/faults preloads it (Linux). In the environment of the program:
//
//   FAULT_FOLDER   a folder by its whole path: what is done to files elsewhere is left alone
//   FAULT_COUNTS   a file of 4,096 bytes: how many operations changed the folder so far, how many reads its files had, 8 bytes each, and
//                  the path of the file of which a read returned another bit
//   FAULT_CHANGE   the number of the change that fails, counted from 1: 7, or 7- for it and all after it
//   FAULT_CODE     the error number that it fails with; 0: a write takes half of its bytes, which is no error
//   FAULT_READ     the number of the read that returns another bit than the file has
//   FAULT_CLOCK    seconds by which the clock of the day jumps at every look at it, forward and back in turn

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *folder;
static size_t folder_length;
static long failing, failing_to, code, bad_read, jump;
static struct {
  _Atomic long changes, reads;
  char spoiled[4096 - 2 * sizeof(long)];
} *counts, own_counts;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("FAULT_FOLDER");
  folder = text && *text ? text : NULL;
  folder_length = folder ? strlen(folder) : 0;
  char *end = NULL;
  text = getenv("FAULT_CHANGE");
  failing = text ? strtol(text, &end, 10) : 0;
  failing_to = end && *end == '-' ? LONG_MAX : failing;
  code = (text = getenv("FAULT_CODE")) ? atol(text) : ENOSPC;
  bad_read = (text = getenv("FAULT_READ")) ? atol(text) : 0;
  jump = (text = getenv("FAULT_CLOCK")) ? atol(text) : 0;
  counts = &own_counts;
  int file = (text = getenv("FAULT_COUNTS")) ? REAL(open)(text, O_RDWR | O_CLOEXEC) : -1;
  if (file >= 0) {
    void *shared = REAL(mmap)(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED) counts = shared;
    REAL(close)(file);
  }
}

static int is_inside(const char *path) {
  if (!folder || !path) return 0;
  char whole[PATH_MAX];
  if (path[0] != '/') {
    if (!getcwd(whole, sizeof whole)) return 0;
    size_t length = strlen(whole);
    snprintf(whole + length, sizeof whole - length, "/%s", path);
    path = whole;
  }
  return strncmp(path, folder, folder_length) == 0 && (path[folder_length] == '/' || path[folder_length] == 0);
}

static int path_of(int file, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, size - 1);
  path[length < 0 ? 0 : length] = 0;
  return length > 0;
}

static int holds(int file) {
  char path[PATH_MAX];
  if (!path_of(file, path, sizeof path)) return 0;
  // Pipes and the like have names that begin otherwise.
  return path[0] == '/' && is_inside(path);
}

// Whether this change of the folder is to fail, with errno set.
static int fails(void) {
  long number = ++counts->changes;
  if (number < failing || number > failing_to || code == 0) return 0;
  errno = (int)code;
  return 1;
}

// A full disk removes files.
static int fails_to_remove(void) { return fails() && code != ENOSPC; }

// As `fails`, of a write: 1 where half of the bytes are to be written, -1 where none are.
static int is_half(void) {
  long number = ++counts->changes;
  if (number < failing || number > failing_to) return 0;
  if (code == 0) return 1;
  errno = (int)code;
  return -1;
}

#define OPENING(name, ...)                                                                      \
  mode_t mode = 0;                                                                              \
  if (flags & (O_CREAT | O_TMPFILE)) {                                                          \
    va_list rest;                                                                               \
    va_start(rest, flags);                                                                      \
    mode = va_arg(rest, mode_t);                                                                \
    va_end(rest);                                                                               \
  }                                                                                             \
  if ((flags & (O_CREAT | O_TRUNC)) && is_inside(path) && fails()) return -1;                   \
  return REAL(name)(__VA_ARGS__)

int open(const char *path, int flags, ...) { OPENING(open, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPENING(open64, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { OPENING(openat, at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { OPENING(openat64, at, path, flags, mode); }

FILE *fopen(const char *path, const char *mode) {
  if (mode[0] != 'r' && is_inside(path) && fails()) return NULL;
  return REAL(fopen)(path, mode);
}

ssize_t write(int file, const void *bytes, size_t count) {
  int fault = count > 0 && holds(file) ? is_half() : 0;
  if (fault < 0) return -1;
  return REAL(write)(file, bytes, fault ? (count + 1) / 2 : count);
}

#define PWRITING(name)                                                                    \
  ssize_t name(int file, const void *bytes, size_t count, off_t at) {                     \
    int fault = count > 0 && holds(file) ? is_half() : 0;                                 \
    return fault < 0 ? -1 : REAL(name)(file, bytes, fault ? (count + 1) / 2 : count, at); \
  }
PWRITING(pwrite)
PWRITING(pwrite64)

ssize_t writev(int file, const struct iovec *parts, int count) {
  return holds(file) && fails() ? -1 : REAL(writev)(file, parts, count);
}

int fsync(int file) { return holds(file) && fails() ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return holds(file) && fails() ? -1 : REAL(fdatasync)(file); }
int ftruncate(int file, off_t length) { return holds(file) && fails() ? -1 : REAL(ftruncate)(file, length); }
int ftruncate64(int file, off_t length) { return holds(file) && fails() ? -1 : REAL(ftruncate64)(file, length); }
int rename(const char *from, const char *to) { return is_inside(to) && fails() ? -1 : REAL(rename)(from, to); }
int unlink(const char *path) { return is_inside(path) && fails_to_remove() ? -1 : REAL(unlink)(path); }
int rmdir(const char *path) { return is_inside(path) && fails_to_remove() ? -1 : REAL(rmdir)(path); }
int mkdir(const char *path, mode_t mode) { return is_inside(path) && fails() ? -1 : REAL(mkdir)(path, mode); }

// Changes a bit of what was read, if this is the read.
static void spoil(int file, unsigned char *bytes, size_t count) {
  long number = ++counts->reads;
  if (number != bad_read) return;
  bytes[(size_t)number * 2654435761u % count] ^= 1u << (number % 7);
  path_of(file, counts->spoiled, sizeof counts->spoiled);
}

ssize_t read(int file, void *bytes, size_t count) {
  ssize_t got = REAL(read)(file, bytes, count);
  if (got > 0 && holds(file)) spoil(file, bytes, (size_t)got);
  return got;
}

#define PREADING(name)                                              \
  ssize_t name(int file, void *bytes, size_t count, off_t at) {     \
    ssize_t got = REAL(name)(file, bytes, count, at);               \
    if (got > 0 && holds(file)) spoil(file, bytes, (size_t)got);          \
    return got;                                                     \
  }
PREADING(pread)
PREADING(pread64)

void *mmap(void *at, size_t count, int protection, int flags, int file, off_t offset) {
  int is_ours = file >= 0 && count > 0 && (flags & MAP_PRIVATE) && (protection & PROT_READ) && holds(file);
  void *memory = REAL(mmap)(at, count, is_ours ? protection | PROT_WRITE : protection, flags, file, offset);
  if (is_ours && memory != MAP_FAILED) spoil(file, memory, count);
  return memory;
}

static time_t jumped(time_t seconds) {
  static _Atomic int looks;
  return jump ? seconds + (looks++ % 2 ? -jump : jump) : seconds;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int status = REAL(clock_gettime)(clock, time);
  if (status == 0 && clock == CLOCK_REALTIME) time->tv_sec = jumped(time->tv_sec);
  return status;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  int status = REAL(gettimeofday)(time, zone);
  if (status == 0) time->tv_sec = jumped(time->tv_sec);
  return status;
}

time_t time(time_t *result) {
  time_t seconds = jumped(REAL(time)(NULL));
  if (result) *result = seconds;
  return seconds;
}
