/* regload - devices that register, one after the other on each of N keep-alive HTTP/1.1 connections (C11, Linux, epoll,
 * no libraries). One thread; a request is one write() of a patched template, so that the generator stays a few percent
 * of what it measures. See README.md for what every figure means. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "measure.h"

static struct {
  const char *host, *path, *token_file, *prefix, *creds_out;
  int port, pid, conns;
  double warm, dur;
  long n; /* stop after so many answers instead of after a time */
} o = {.host = "127.0.0.1", .path = "/api/register-device", .prefix = "bench", .conns = 64, .warm = 1, .dur = 5};

/* ---------------------------------------------------------------- request */
static char request[8192]; static size_t request_len, id_at;

/* Every manufacturer ID is the prefix and 10 digits, so that Content-Length never changes. */
static void make_request(void) {
  char token[4097] = "", body[6144];
  FILE *f = fopen(o.token_file, "r"); if (!f) die("%s: %s", o.token_file, strerror(errno));
  if (fscanf(f, "%4096s", token) != 1) die("%s holds no token", o.token_file);
  fclose(f);
  int at = snprintf(body, sizeof body, "{\"token\":\"%s\",\"manufacturerId\":\"%s", token, o.prefix);
  int len = at + snprintf(body + at, sizeof body - (size_t)at, "%010d\"}", 0);
  if (len >= (int)sizeof body) die("the request is too long");
  int head = snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", o.path, o.host, o.port, len);
  if (head + len >= (int)sizeof request) die("the request is too long");
  memcpy(request + head, body, (size_t)len);
  request_len = (size_t)(head + len); id_at = (size_t)(head + at);
}

/* ---------------------------------------------------------------- connections */
struct conn { int fd; size_t len; uint64_t sent; char in[8192]; };
static struct conn *conns;
static int ep;
static FILE *creds;
static long next_id, answers, measured, ok, by_class[6];
static struct hist latency;
static bool measuring;

static void send_request(struct conn *c) {
  char digits[11]; snprintf(digits, sizeof digits, "%010ld", next_id++);
  memcpy(request + id_at, digits, 10);
  c->sent = now_ns();
  ssize_t n = send(c->fd, request, request_len, MSG_NOSIGNAL);
  if (n != (ssize_t)request_len) die("a request could not be sent whole: %s", n < 0 ? strerror(errno) : "the socket is full");
}

static void field(const char *body, const char *name, char *out, size_t size) {
  const char *p = strstr(body, name); out[0] = 0; if (!p) return;
  p += strlen(name); size_t n = strcspn(p, "\""); if (n >= size) return;
  memcpy(out, p, n); out[n] = 0;
}

static void on_answer(struct conn *c, int status, const char *body) {
  answers++;
  by_class[status / 100 < 6 ? status / 100 : 0]++;
  if (status == 200 && creds) {
    char id[64], key[128], secret[128];
    field(body, "\"deviceId\":\"", id, sizeof id); field(body, "\"accessKey\":\"", key, sizeof key); field(body, "\"accessSecret\":\"", secret, sizeof secret);
    fprintf(creds, "%s %s %s\n", id, key, secret);
  }
  if (!measuring) return;
  measured++; ok += status == 200; h_add(&latency, now_ns() - c->sent);
}

static void on_read(struct conn *c) {
  ssize_t n = recv(c->fd, c->in + c->len, sizeof c->in - 1 - c->len, 0);
  if (n <= 0) die("the server closed a connection after %ld answers", answers);
  c->len += (size_t)n; c->in[c->len] = 0;
  char *end = strstr(c->in, "\r\n\r\n"); if (!end) return;
  char *length = strcasestr(c->in, "\r\ncontent-length:"); if (!length || length > end) die("an answer without Content-Length");
  size_t whole = (size_t)(end + 4 - c->in) + strtoul(length + 17, NULL, 10);
  if (c->len < whole) return;
  if (c->len > whole) die("more than one answer to one request");
  on_answer(c, atoi(c->in + 9), end + 4);
  c->len = 0; send_request(c);
}

static void open_connections(void) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o.port)};
  if (inet_pton(AF_INET, o.host, &a.sin_addr) != 1) die("%s is not an IPv4 address", o.host);
  conns = xcalloc((size_t)o.conns, sizeof *conns);
  for (int i = 0; i < o.conns; i++) {
    struct conn *c = &conns[i];
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); if (c->fd < 0) die("socket: %s", strerror(errno));
    int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a)) die("connect: %s", strerror(errno));
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e)) die("epoll_ctl: %s", strerror(errno));
  }
}

static void turn(void) {
  struct epoll_event evs[256];
  int n = epoll_wait(ep, evs, 256, 100);
  for (int i = 0; i < n; i++) on_read(evs[i].data.ptr);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i += 2) {
    const char *k = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
    if (!v) die("%s needs a value", k);
    else if (!strcmp(k, "--host")) o.host = v;
    else if (!strcmp(k, "--port")) o.port = atoi(v);
    else if (!strcmp(k, "--path")) o.path = v;
    else if (!strcmp(k, "--conns")) o.conns = atoi(v);
    else if (!strcmp(k, "--token-file")) o.token_file = v;
    else if (!strcmp(k, "--prefix")) o.prefix = v;
    else if (!strcmp(k, "--creds-out")) o.creds_out = v;
    else if (!strcmp(k, "--pid")) o.pid = atoi(v);
    else if (!strcmp(k, "--warm")) o.warm = atof(v);
    else if (!strcmp(k, "--time")) o.dur = atof(v);
    else if (!strcmp(k, "--n")) o.n = atol(v);
    else die("unknown option %s (see README.md)", k);
  }
  if (!o.port || !o.token_file) die("usage: regload --port P --token-file FILE [--conns 64] [--warm S] [--time S | --n N] [--pid PID] [--creds-out FILE]");
  if (o.creds_out && !(creds = fopen(o.creds_out, "w"))) die("%s: %s", o.creds_out, strerror(errno));
  ep = epoll_create1(EPOLL_CLOEXEC);
  make_request();
  open_connections();
  for (int i = 0; i < o.conns; i++) send_request(&conns[i]);

  uint64_t begin = now_ns() + (uint64_t)(o.n ? 0 : o.warm * 1e9);
  while (now_ns() < begin) turn();
  measuring = true;
  struct pstat a = pstat_of(o.pid, -1); double own = self_cpu(); uint64_t t0 = now_ns(), end = t0 + (uint64_t)(o.dur * 1e9);
  while (o.n ? measured < o.n : now_ns() < end) turn();
  double seconds = (double)(now_ns() - t0) / 1e9; struct pstat b = pstat_of(o.pid, -1); own = self_cpu() - own;

  double cpu = b.user + b.sys - a.user - a.sys;
  jadd("{\"conns\":%d,\"seconds\":%.3f,\"answers\":%ld,\"ok\":%ld,\"answers_2xx\":%ld,\"answers_4xx\":%ld,\"answers_5xx\":%ld,\"per_s\":%.1f", o.conns, seconds, measured, ok, by_class[2], by_class[4], by_class[5], (double)ok / seconds);
  jhist("latency_us", &latency);
  jadd(",\"server_cpu_s\":%.2f,\"server_user_s\":%.2f,\"server_sys_s\":%.2f,\"cpu_us_per_request\":%.1f,\"rss_kb\":%ld,\"gen_cpu_s\":%.3f}", cpu, b.user - a.user, b.sys - a.sys, measured ? cpu * 1e6 / (double)measured : 0.0, b.rss_kb, own);
  puts(js);
  if (creds) fclose(creds);
  return 0;
}
