// A client that asks a service much, over loopback, and says how long it took; it uses little of the machine itself.
//
//     cc -O2 -o load Server/Examples/load.c
//     ./load steps --port 8080 --model sensors --features 3 --sessions 10000 --requests 100000 --connections 64 --pid PID
//     ./load mixed --port 8080 --model sensors --features 3 --sessions 100 --requests 1000000 --connections 16 --pid PID
//     ./load opens --port 8080 --requests 100000 --connections 16 --pid PID
//
// steps: each request takes one step of a session of a model of numbers, the sessions in turn. mixed: every tenth request is wrong
// instead: JSON that ends too early, NaN, too few numbers, an unknown session. opens: each request opens a connection of its own; of four, one
// ends in order, one by a reset, one in the middle of its head, and one says nothing.
//
// At most CONNECTIONS requests are open at a time. PID is the service's process, whose memory is read at the beginning, in the middle and at
// the end, and its processor time, which other programs of the machine change far less than the time that passes (Linux). The answer is one JSON object. Any answer that isn't as expected ends it with status 1; 429 (too much
// at a time) and 409 (the session is being stepped) are counted and asked again.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 1 << 18 };

typedef struct {
  int socket;
  char *in;
  size_t count;
  double began;
  long number;  // of its request
  int expected;  // status
} connection;

static const char *host = "127.0.0.1", *model = NULL;
static int port = 8080;
static long features = 1, session_count = 0, request_count = 1000, connection_count = 16, pid = 0;
static char (*sessions)[80];

static void fail(const char *text, ...) {
  va_list arguments;
  va_start(arguments, text);
  fprintf(stderr, "load: ");
  vfprintf(stderr, text, arguments);
  fprintf(stderr, "\n");
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// The service's memory in MB; 0 where nobody says.
static double memory(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/statm", pid);
  FILE *file = pid > 0 ? fopen(path, "r") : NULL;
  long total = 0, resident = 0;
  if (file && fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
  if (file) fclose(file);
  return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

// The processor time that the service has used, in seconds; 0 where nobody says.
static double processor(void) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = pid > 0 ? fopen(path, "r") : NULL;
  unsigned long user = 0, system = 0;
  if (file) {
    size_t count = fread(text, 1, sizeof text - 1, file);
    text[count] = 0;
    char *end = strrchr(text, ')');
    if (!end || sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) user = system = 0;
    fclose(file);
  }
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int opened(void) {
  for (int tries = 0; tries < 10000; tries++) {
    int one = 1, made = socket(AF_INET, SOCK_STREAM, 0);
    if (made < 0) fail("socket: %s", strerror(errno));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("--host: expected an IPv4 address, found %s", host);
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(made, (struct sockaddr *)&address, sizeof address) == 0) return made;
    int reason = errno;
    close(made);
    // All ports wait for the end of earlier connections.
    if (reason != EADDRNOTAVAIL) fail("connect: %s", strerror(reason));
    usleep(1000);
  }
  fail("connect: no free port");
  return -1;
}

static void ask(connection *own, const char *method, const char *path, const char *body, int expected) {
  static char text[1 << 16];
  int count = snprintf(
      text, sizeof text, "%s %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
      method, path, host, port, strlen(body), body);
  if (count < 0 || (size_t)count >= sizeof text) fail("the request is too long");
  own->count = 0;
  own->expected = expected;
  own->began = now();
  if (send(own->socket, text, (size_t)count, MSG_NOSIGNAL) != count) fail("send: %s", strerror(errno));
}

// Reads what there is; the status once the whole answer is there, else 0. `body` is where it begins then.
static int answer(connection *own, char **body) {
  ssize_t count = recv(own->socket, own->in + own->count, LARGEST - 1 - own->count, 0);
  if (count <= 0) fail("the service closed a connection");
  own->count += (size_t)count;
  own->in[own->count] = 0;
  char *end = strstr(own->in, "\r\n\r\n");
  if (!end) return 0;
  char *length = strcasestr(own->in, "\r\ncontent-length:");
  size_t size = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
  if (own->count < (size_t)(end + 4 - own->in) + size) return 0;
  *body = end + 4;
  return atoi(own->in + 9);
}

static char *step_body(long number) {
  static char text[1 << 15];
  size_t place = (size_t)sprintf(text, "{\"inputs\": [[");
  for (long index = 0; index < features; index++) {
    place += (size_t)sprintf(text + place, "%s%.3f", index ? ", " : "", (double)((number * 7 + index * 3) % 13) / 6 - 1);
  }
  sprintf(text + place, "]]}");
  return text;
}

typedef enum { CREATE, STEP, MIXED, REMOVE } work;

static void begin(connection *own, work what, long number) {
  char path[256];
  own->number = number;
  if (what == CREATE) {
    snprintf(path, sizeof path, "{\"model\": \"%s\"}", model);
    return ask(own, "POST", "/v1/sessions", path, 201);
  }
  const char *id = sessions[number % session_count];
  if (what == REMOVE) {
    snprintf(path, sizeof path, "/v1/sessions/%s", id);
    return ask(own, "DELETE", path, "", 200);
  }
  snprintf(path, sizeof path, "/v1/sessions/%s/steps", id);
  if (what == MIXED && number % 10 == 9) {
    switch (number / 10 % 4) {
    case 0: return ask(own, "POST", path, "{\"inputs\": [[1, ", 400);
    case 1: return ask(own, "POST", path, "{\"inputs\": [[NaN]]}", 400);
    case 2: return ask(own, "POST", path, "{\"inputs\": [[]]}", 400);
    default: return ask(own, "POST", "/v1/sessions/sess_none/steps", step_body(number), 404);
    }
  }
  ask(own, "POST", path, step_body(number), 200);
}

static long refused;

// Does all requests, at most CONNECTIONS at a time; the seconds of each go into `times`, the memory in the middle into `middle`.
static void run(connection *all, work what, long count, float *times, double *middle) {
  struct pollfd *polled = calloc((size_t)connection_count, sizeof *polled);
  long next = 0, done = 0;
  for (long place = 0; place < connection_count; place++) {
    polled[place] = (struct pollfd){.fd = all[place].socket, .events = POLLIN};
    if (next < count) begin(&all[place], what, next++);
  }
  while (done < count) {
    if (poll(polled, (nfds_t)connection_count, 30000) <= 0) fail("no answer for 30 seconds");
    for (long place = 0; place < connection_count; place++) {
      if (!polled[place].revents) continue;
      connection *own = &all[place];
      char *body = NULL;
      int status = answer(own, &body);
      if (!status) continue;
      if (status == 429 || (status == 409 && own->expected == 200)) {
        refused++;
        usleep(1000);
        begin(own, what, own->number);
        continue;
      }
      if (status != own->expected) fail("expected status %d, found %d: %.300s", own->expected, status, body);
      if (times) times[own->number] = (float)(now() - own->began);
      if (what == CREATE) {
        char *id = strstr(body, "\"id\":\"");
        if (!id || sscanf(id + 6, "%79[^\"]", sessions[own->number]) != 1) fail("no id in %.300s", body);
      }
      done++;
      if (middle && done == count / 2) *middle = memory();
      if (next < count) begin(own, what, next++);
    }
  }
  free(polled);
}

static int ascending(const void *first, const void *second) {
  float left = *(const float *)first, right = *(const float *)second;
  return (left > right) - (left < right);
}

static double opens(void) {
  connection own = {.in = malloc(LARGEST)};
  double middle = 0;
  int *held = malloc((size_t)connection_count * sizeof *held);
  for (long place = 0; place < connection_count; place++) held[place] = -1;
  for (long number = 0; number < request_count; number++) {
    // So many are open at a time.
    int *place = &held[number % connection_count];
    if (*place >= 0) close(*place);
    own.socket = *place = opened();
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    char *body = NULL;
    int status = 0;
    switch (number % 4) {
    case 0:
    case 1:
      ask(&own, "GET", "/healthz", "", 200);
      while (!(status = answer(&own, &body))) {}
      if (status != 200) fail("expected status 200, found %d", status);
      if (number % 4 == 1) setsockopt(own.socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      break;
    case 2:
      if (send(own.socket, "GET /hea", 8, MSG_NOSIGNAL) != 8) fail("send: %s", strerror(errno));
      break;
    default: break;
    }
    if (number == request_count / 2) middle = memory();
  }
  for (long place = 0; place < connection_count; place++) {
    if (held[place] >= 0) close(held[place]);
  }
  return middle;
}

static long whole(const char *name, const char *text, long least, long most) {
  char *end = NULL;
  long number = strtol(text, &end, 10);
  if (*end || end == text || number < least || number > most) {
    fail("%s: expected %ld to %ld, found %s", name, least, most, text);
  }
  return number;
}

int main(int count, char **arguments) {
  const char *mode = count > 1 ? arguments[1] : "";
  if (strcmp(mode, "steps") && strcmp(mode, "mixed") && strcmp(mode, "opens")) {
    fail("expected steps, mixed or opens, see the beginning of load.c");
  }
  for (int place = 2; place < count; place += 2) {
    const char *name = arguments[place], *value = place + 1 < count ? arguments[place + 1] : NULL;
    if (!value) fail("%s: expected a value", name);
    if (!strcmp(name, "--host")) host = value;
    else if (!strcmp(name, "--model")) model = value;
    else if (!strcmp(name, "--port")) port = (int)whole(name, value, 1, 65535);
    else if (!strcmp(name, "--features")) features = whole(name, value, 1, 1000);
    else if (!strcmp(name, "--sessions")) session_count = whole(name, value, 1, 10000000);
    else if (!strcmp(name, "--requests")) request_count = whole(name, value, 1, 100000000);
    else if (!strcmp(name, "--connections")) connection_count = whole(name, value, 1, 1000);
    else if (!strcmp(name, "--pid")) pid = whole(name, value, 1, 1L << 30);
    else fail("expected --host, --port, --model, --features, --sessions, --requests, --connections or --pid, found %s", name);
  }
  double start = memory(), held = 0, middle = 0;
  if (!strcmp(mode, "opens")) {
    double began = now(), used = processor();
    middle = opens();
    double seconds = now() - began;
    used = processor() - used;
    printf("{\"mode\": \"opens\", \"requests\": %ld, \"connections\": %ld, \"seconds\": %.1f, \"per_second\": %.0f, ",
           request_count, connection_count, seconds, (double)request_count / seconds);
    printf("\"processor_us\": %.0f, ", 1e6 * used / (double)request_count);
    printf("\"memory_mb\": {\"start\": %.1f, \"middle\": %.1f, \"end\": %.1f}}\n", start, middle, memory());
    return 0;
  }
  if (!model) fail("expected --model");
  if (session_count < connection_count) session_count = connection_count;
  sessions = calloc((size_t)session_count, sizeof *sessions);
  connection *all = calloc((size_t)connection_count, sizeof *all);
  for (long place = 0; place < connection_count; place++) {
    all[place].socket = opened();
    all[place].in = malloc(LARGEST);
  }
  run(all, CREATE, session_count, NULL, NULL);
  // Each session takes a step before the clock runs, so that its state is there.
  run(all, STEP, session_count, NULL, NULL);
  held = memory();
  refused = 0;
  float *times = calloc((size_t)request_count, sizeof *times);
  double began = now(), used = processor();
  run(all, strcmp(mode, "mixed") ? STEP : MIXED, request_count, times, &middle);
  double seconds = now() - began, end = memory();
  used = processor() - used;
  run(all, REMOVE, session_count, NULL, NULL);
  qsort(times, (size_t)request_count, sizeof *times, ascending);
  printf("{\"mode\": \"%s\", \"sessions\": %ld, \"requests\": %ld, \"connections\": %ld, \"seconds\": %.2f, ", mode,
         session_count, request_count, connection_count, seconds);
  printf("\"per_second\": %.0f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"refused\": %ld, ", (double)request_count / seconds,
         1e3 * times[request_count / 2], 1e3 * times[request_count * 99 / 100], refused);
  printf("\"processor_us\": %.0f, ", 1e6 * used / (double)request_count);
  printf("\"memory_mb\": {\"start\": %.1f, \"held\": %.1f, \"middle\": %.1f, \"end\": %.1f, \"deleted\": %.1f}}\n", start, held,
         middle, end, memory());
  return 0;
}
