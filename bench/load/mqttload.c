/* mqttload - a small, cheap MQTT 3.1.1 load generator (C11, Linux, epoll, no libraries).
 * One thread, no allocation per message, one read()/write() per connection per loop turn.
 * See README.md for the modes and for what every figure means. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

static void *xrealloc(void *p, size_t n) { p = realloc(p, n); if (!p) die("out of memory"); return p; }

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

/* ---------------------------------------------------------------- options */
enum mode { M_CONNECT, M_FANIN, M_FANOUT, M_PAIRS, M_PERSIST };
static const char *mode_names[] = {"connect", "fanin", "fanout", "pairs", "persist"};
static struct {
  enum mode mode;
  const char *host;
  int port;
  int n, cwin, srcs, hold, keepalive, offset, hold_churn;
  const char *id, *user, *pass, *creds, *topic, *label, *between, *pidfile;
  int pid;
  int pubs, subs, qos, window, size;
  double rate, warm, dur, idle_timeout;
  long msgs;
  bool json, clean, quiet, wrongpass;
} o = {.mode = M_CONNECT, .host = "127.0.0.1", .port = 1883, .n = 1000, .cwin = 64, .srcs = 8,
       .keepalive = 60, .id = "dev%06d", .topic = "losant/%s/state", .pubs = 0, .subs = 0, .qos = 0,
       .window = 20, .size = 100, .warm = 1, .dur = 5, .msgs = 10000, .clean = true,
       .idle_timeout = 5, .label = ""};

static int broker_pid(void) {
  if (o.pidfile) { FILE *f = fopen(o.pidfile, "r"); int p = 0; if (f) { if (fscanf(f, "%d", &p) != 1) p = 0; fclose(f); } return p; }
  return o.pid;
}
static struct pstat pstat(void) { return pstat_of(broker_pid()); }
static void say(const char *f, ...) { if (o.quiet) return; va_list a; va_start(a, f); vfprintf(stderr, f, a); va_end(a); }

/* ---------------------------------------------------------------- connections */
enum cstate { C_NEW, C_TCP, C_WAITACK, C_UP, C_DEAD };
struct conn {
  int fd, idx;
  uint8_t state, role; /* role: 0 plain, 1 publisher, 2 subscriber */
  bool dirty, wantout, subbed, session_present, clean, inready;
  char *id, *user, *pass, *topic; /* topic: what it publishes to, or subscribes to */
  uint8_t *in; uint32_t inlen, incap;
  uint8_t *out; uint32_t outlen, outoff, outcap;
  uint64_t t0, lastsend;
  uint32_t seq, outst, unacked; uint16_t mid;
  uint8_t *tpl; uint32_t tpllen, off_mid, off_pay;
  uint64_t recv;
};
static struct conn *conns; static int nconns;
static int ep;
static struct conn **dirty; static int ndirty;
static uint8_t *rbuf; static size_t RBUF = 1 << 20;
static struct hist hconn, hack, hlat;
static long rc_count[8], n_up, n_failed, n_dropped, n_pending, n_subbed;
static uint64_t g_pub, g_deliv, g_ack, g_dup, g_gap, g_reorder, g_bytes;
static bool measuring; static uint64_t m_pub, m_deliv, m_ack;
static uint32_t *lastseq; static int fan = 1; static bool closed_loop = true;
static struct conn **ready; static int nready; /* publishers with room */
static uint32_t *seen_next; /* persist */

static char *subst(const char *pat, int i, const char *id) {
  char b[1024]; size_t n = 0;
  for (const char *p = pat; *p && n < sizeof b - 64; p++) {
    if (*p != '%') { b[n++] = *p; continue; }
    p++; int w = 0;
    if (*p == '%') { b[n++] = '%'; continue; }
    if (*p == 's') { n += (size_t)snprintf(b + n, sizeof b - n, "%s", id ? id : ""); continue; }
    while (*p >= '0' && *p <= '9') w = w * 10 + (*p++ - '0');
    if (*p == 'd') n += (size_t)snprintf(b + n, sizeof b - n, "%0*d", w, i);
    else if (*p == 'x') n += (size_t)snprintf(b + n, sizeof b - n, "%0*x", w, (unsigned)i);
    else die("bad pattern %s", pat);
  }
  b[n] = 0; char *r = strdup(b); if (!r) die("out of memory"); return r;
}

static char **cred_id, **cred_user, **cred_pass; static int ncred;
static void load_creds(void) {
  if (!o.creds) return;
  FILE *f = fopen(o.creds, "r"); if (!f) die("%s: %s", o.creds, strerror(errno));
  char l[2048], a[600], b[600], c[600]; int cap = 0;
  while (fgets(l, sizeof l, f)) {
    int k = sscanf(l, "%599s %599s %599s", a, b, c); if (k < 1) continue;
    if (ncred == cap) {
      cap = cap ? cap * 2 : 1024;
      cred_id = xrealloc(cred_id, sizeof(char *) * (size_t)cap); cred_user = xrealloc(cred_user, sizeof(char *) * (size_t)cap);
      cred_pass = xrealloc(cred_pass, sizeof(char *) * (size_t)cap);
    }
    cred_id[ncred] = strdup(a); cred_user[ncred] = k > 1 ? strdup(b) : NULL; cred_pass[ncred++] = k > 2 ? strdup(c) : NULL;
  }
  fclose(f);
}
static void conn_init(struct conn *c, int idx, int role) {
  memset(c, 0, sizeof *c); c->fd = -1; c->idx = idx; c->role = (uint8_t)role; c->clean = o.clean;
  int i = idx + o.offset;
  if (ncred) {
    if (i >= ncred) die("only %d credentials in %s", ncred, o.creds);
    c->id = cred_id[i]; c->user = cred_user[i]; c->pass = cred_pass[i];
  } else {
    c->id = subst(o.id, i, NULL);
    c->user = o.user ? subst(o.user, i, c->id) : NULL; c->pass = o.pass ? subst(o.pass, i, c->id) : NULL;
  }
}

static void mark(struct conn *c) { if (!c->dirty) { c->dirty = true; dirty[ndirty++] = c; } }
static uint8_t *out_room(struct conn *c, uint32_t n) {
  if (c->outoff && c->outoff == c->outlen) c->outoff = c->outlen = 0;
  if (c->outlen + n > c->outcap) {
    if (c->outoff) { memmove(c->out, c->out + c->outoff, c->outlen - c->outoff); c->outlen -= c->outoff; c->outoff = 0; }
    if (c->outlen + n > c->outcap) { uint32_t cap = c->outcap ? c->outcap : 256; while (cap < c->outlen + n) cap *= 2; c->out = xrealloc(c->out, cap); c->outcap = cap; }
  }
  uint8_t *p = c->out + c->outlen; c->outlen += n; mark(c); return p;
}
static uint8_t *put_len(uint8_t *p, uint32_t v) { do { uint8_t b = v & 127; v >>= 7; if (v) b |= 128; *p++ = b; } while (v); return p; }
static uint32_t len_size(uint32_t v) { return v < 128 ? 1 : v < 16384 ? 2 : v < 2097152 ? 3 : 4; }
static uint8_t *put_str(uint8_t *p, const char *s) { size_t n = strlen(s); *p++ = (uint8_t)(n >> 8); *p++ = (uint8_t)n; memcpy(p, s, n); return p + n; }

static void send_connect(struct conn *c) {
  uint32_t rl = 10 + 2 + (uint32_t)strlen(c->id);
  uint8_t fl = c->clean ? 2 : 0;
  const char *pw = c->pass; if (o.wrongpass && pw) pw = "definitely-not-the-secret";
  if (c->user) { fl |= 0x80; rl += 2 + (uint32_t)strlen(c->user); }
  if (pw) { fl |= 0x40; rl += 2 + (uint32_t)strlen(pw); }
  uint8_t *p = out_room(c, 1 + len_size(rl) + rl);
  *p++ = 0x10; p = put_len(p, rl); p = put_str(p, "MQTT"); *p++ = 4; *p++ = fl;
  *p++ = (uint8_t)(o.keepalive >> 8); *p++ = (uint8_t)o.keepalive; p = put_str(p, c->id);
  if (c->user) p = put_str(p, c->user);
  if (pw) put_str(p, pw);
}
static void send_subscribe(struct conn *c) {
  uint32_t rl = 2 + 2 + (uint32_t)strlen(c->topic) + 1;
  uint8_t *p = out_room(c, 1 + len_size(rl) + rl);
  *p++ = 0x82; p = put_len(p, rl); *p++ = 0; *p++ = 1; p = put_str(p, c->topic); *p = (uint8_t)o.qos;
}
static void make_tpl(struct conn *c) { /* the PUBLISH packet, patched per message */
  uint32_t tl = (uint32_t)strlen(c->topic), rl = 2 + tl + (o.qos ? 2 : 0) + (uint32_t)o.size;
  c->tpllen = 1 + len_size(rl) + rl; c->tpl = xcalloc(1, c->tpllen);
  uint8_t *p = c->tpl; *p++ = (uint8_t)(0x30 | (o.qos << 1)); p = put_len(p, rl); p = put_str(p, c->topic);
  if (o.qos) { c->off_mid = (uint32_t)(p - c->tpl); p += 2; }
  c->off_pay = (uint32_t)(p - c->tpl);
  for (int i = 16; i < o.size; i++) p[i] = (uint8_t)('a' + i % 26);
}
static void publish(struct conn *c, uint64_t ts, uint32_t pub) {
  uint8_t *p = out_room(c, c->tpllen);
  memcpy(p, c->tpl, c->tpllen);
  if (o.qos) { if (++c->mid == 0) c->mid = 1; p[c->off_mid] = (uint8_t)(c->mid >> 8); p[c->off_mid + 1] = (uint8_t)c->mid; c->unacked++; }
  uint32_t s = c->seq++;
  memcpy(p + c->off_pay, &ts, 8); memcpy(p + c->off_pay + 8, &pub, 4); memcpy(p + c->off_pay + 12, &s, 4);
  g_pub++; m_pub += measuring; c->outst += (uint32_t)fan;
}

static void conn_close(struct conn *c, bool drop) {
  if (c->fd >= 0) { close(c->fd); c->fd = -1; }
  if (drop) {
    if (c->state == C_UP) { n_dropped++; n_up--; } else if (c->state == C_TCP || c->state == C_WAITACK) { n_failed++; n_pending--; rc_count[7]++; }
  }
  c->state = C_DEAD; c->inlen = c->outlen = c->outoff = 0;
}
static void want_out(struct conn *c, bool w) {
  if (c->wantout == w) return;
  c->wantout = w; struct epoll_event e = {.events = EPOLLIN | (w ? (uint32_t)EPOLLOUT : 0u), .data.ptr = c}; epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
static void flush_conn(struct conn *c) {
  if (c->fd < 0 || c->state == C_TCP) return;
  while (c->outoff < c->outlen) {
    ssize_t n = send(c->fd, c->out + c->outoff, c->outlen - c->outoff, MSG_NOSIGNAL);
    if (n > 0) { c->outoff += (uint32_t)n; continue; }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) { want_out(c, true); return; }
    conn_close(c, true); return;
  }
  c->outoff = c->outlen = 0; want_out(c, false);
}
static void flush_all(void) {
  uint64_t t = ndirty ? now_ns() : 0;
  for (int i = 0; i < ndirty; i++) { struct conn *c = dirty[i]; c->dirty = false; c->lastsend = t; flush_conn(c); }
  ndirty = 0;
}
static int conn_start(struct conn *c) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) { if (errno == EMFILE) die("out of file descriptors (ulimit -n)"); die("socket: %s", strerror(errno)); }
  int one = 1; setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in a = {.sin_family = AF_INET};
  if (o.srcs > 1) {
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    a.sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)(c->idx % o.srcs));
    if (bind(fd, (struct sockaddr *)&a, sizeof a)) die("bind: %s", strerror(errno));
  }
  a.sin_port = htons((uint16_t)o.port); inet_pton(AF_INET, o.host, &a.sin_addr);
  c->fd = fd; c->state = C_TCP; c->wantout = true; c->subbed = false; c->inlen = c->outlen = c->outoff = 0; c->t0 = now_ns(); n_pending++;
  if (connect(fd, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS) { conn_close(c, true); return -1; }
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e)) die("epoll_ctl: %s", strerror(errno));
  return 0;
}
static void push_ready(struct conn *c) { if (!c->inready) { c->inready = true; ready[nready++] = c; } }

static bool auto_sub;
static void on_packet(struct conn *c, uint8_t h, const uint8_t *p, uint32_t n, uint64_t t) {
  switch (h >> 4) {
    case 2: /* CONNACK */
      n_pending--;
      if (n < 2 || p[1]) { rc_count[n < 2 || p[1] > 6 ? 6 : p[1]]++; n_failed++; c->state = C_DEAD; close(c->fd); c->fd = -1; return; }
      rc_count[0]++; n_up++; c->state = C_UP; c->session_present = p[0] & 1; h_add(&hconn, t - c->t0); h_add(&hack, t - c->lastsend);
      if (auto_sub && c->role == 2) send_subscribe(c);
      break;
    case 9: if (n >= 3 && p[2] == 0x80) die("subscription refused: %s", c->topic); if (!c->subbed) { c->subbed = true; n_subbed++; } break;
    case 4: /* PUBACK */
      g_ack++; m_ack += measuring; if (c->unacked) c->unacked--; if (closed_loop || o.mode == M_PERSIST) push_ready(c); break;
    case 3: {
      if (n < 2) die("short PUBLISH");
      uint32_t tl = (uint32_t)p[0] << 8 | p[1], off = 2 + tl; int q = (h >> 1) & 3;
      if (q) {
        uint8_t *w = out_room(c, 4); w[0] = 0x40; w[1] = 2; w[2] = p[off]; w[3] = p[off + 1]; off += 2;
      }
      if (n < off + 16) break; /* not ours */
      uint64_t ts; uint32_t pub, s; memcpy(&ts, p + off, 8); memcpy(&pub, p + off + 8, 4); memcpy(&s, p + off + 12, 4);
      c->recv++;
      if (o.mode == M_PERSIST) {
        uint32_t want = seen_next[c->idx];
        if (s == want) { seen_next[c->idx]++; g_deliv++; }
        else if (s < want) g_dup++;
        else { g_gap += s - want; seen_next[c->idx] = s + 1; g_deliv++; }
        h_add(&hlat, t - ts);
        break;
      }
      if (pub >= (uint32_t)o.pubs) break;
      int si = c->idx - o.pubs; uint32_t *ls = &lastseq[o.mode == M_PAIRS ? (size_t)pub : (size_t)si * (size_t)o.pubs + pub];
      if (s >= *ls) { g_gap += s - *ls; *ls = s + 1; g_deliv++; m_deliv += measuring; }
      else if (q && (h & 8)) { g_dup++; break; }
      else { g_reorder++; g_deliv++; m_deliv += measuring; }
      if (measuring) { h_add(&hlat, t > ts ? t - ts : 0); g_bytes += n; }
      struct conn *pc = &conns[pub]; if (pc->outst) pc->outst--; if (closed_loop) push_ready(pc);
      break;
    }
    default: break;
  }
}
static void on_read(struct conn *c) {
  size_t have = c->inlen; if (have) { memcpy(rbuf, c->in, have); c->inlen = 0; }
  ssize_t n = recv(c->fd, rbuf + have, RBUF - have, 0);
  if (n <= 0) { if (n < 0 && (errno == EAGAIN || errno == EINTR)) n = 0; else { conn_close(c, true); return; } }
  uint64_t t = now_ns(); size_t len = have + (size_t)n, pos = 0;
  while (len - pos >= 2) {
    uint32_t rl = 0; unsigned sh = 0; size_t q = pos + 1; bool ok = false;
    while (q < len && sh < 28) { uint8_t b = rbuf[q++]; rl |= (uint32_t)(b & 127) << sh; sh += 7; if (!(b & 128)) { ok = true; break; } }
    if (!ok || len - q < rl) break;
    on_packet(c, rbuf[pos], rbuf + q, rl, t); pos = q + rl;
    if (c->fd < 0) return;
  }
  if (pos < len) {
    uint32_t r = (uint32_t)(len - pos); if (r > c->incap) { c->incap = r < 256 ? 256 : r * 2; c->in = xrealloc(c->in, c->incap); }
    memcpy(c->in, rbuf + pos, r); c->inlen = r;
  }
}
static struct epoll_event evs[1024];
static void turn(int64_t timeout_ns) {
  flush_all();
  struct timespec ts = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  int n = epoll_pwait2(ep, evs, 1024, timeout_ns < 0 ? NULL : &ts, NULL);
  for (int i = 0; i < n; i++) {
    struct conn *c = evs[i].data.ptr; if (c->fd < 0) continue;
    if (c->state == C_TCP) {
      int e = 0; socklen_t l = sizeof e; getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
      if (e) { conn_close(c, true); continue; }
      c->state = C_WAITACK; want_out(c, false); send_connect(c); continue;
    }
    if (evs[i].events & EPOLLOUT) flush_conn(c);
    if (c->fd >= 0 && evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_read(c);
  }
}
/* opens conns[a..b) with at most o.cwin under way; returns seconds */
static double connect_range(int a, int b, double timeout) {
  uint64_t t0 = now_ns(), last = t0; int next = a; long done0 = n_up + n_failed, want = done0 + (b - a), prev = done0;
  while (n_up + n_failed + n_dropped < want) {
    while (next < b && n_pending < o.cwin) conn_start(&conns[next++]);
    turn(100000000);
    uint64_t t = now_ns(); long d = n_up + n_failed; if (d != prev) { prev = d; last = t; }
    if ((double)(t - last) / 1e9 > timeout) { fprintf(stderr, "connect: no progress for %.0f s (%ld up, %ld failed, %ld under way)\n", timeout, n_up, n_failed, n_pending); break; }
  }
  return (double)(now_ns() - t0) / 1e9;
}
static void disconnect_range(int a, int b) {
  for (int i = a; i < b; i++) if (conns[i].state == C_UP) { uint8_t *p = out_room(&conns[i], 2); p[0] = 0xe0; p[1] = 0; }
  flush_all(); usleep(50000);
  for (int i = a; i < b; i++) if (conns[i].fd >= 0) { if (conns[i].state == C_UP) n_up--; conn_close(&conns[i], false); }
}

static void ping_due(void) {
  if (!o.keepalive) return;
  uint64_t t = now_ns(), due = (uint64_t)o.keepalive * 500000000ull;
  for (int i = 0; i < nconns; i++) if (conns[i].state == C_UP && t - conns[i].lastsend > due) { uint8_t *p = out_room(&conns[i], 2); p[0] = 0xc0; p[1] = 0; conns[i].lastsend = t; }
}

/* ---------------------------------------------------------------- modes */
static void run_connect(void) {
  nconns = o.n; conns = xcalloc((size_t)nconns, sizeof *conns); dirty = xcalloc((size_t)nconns, sizeof *dirty); ready = xcalloc((size_t)nconns, sizeof *ready);
  for (int i = 0; i < nconns; i++) conn_init(&conns[i], i, 0);
  struct pstat a = pstat(); double c0 = self_cpu();
  double s = connect_range(0, nconns, 60); struct pstat b = pstat();
  double cpu = b.user + b.sys - a.user - a.sys;
  long up = n_up;
  jadd(",\"n\":%d,\"window\":%d,\"up\":%ld,\"failed\":%ld,\"rc\":[%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld],\"seconds\":%.3f,\"connects_per_s\":%.1f", o.n, o.cwin, up, n_failed,
       rc_count[0], rc_count[1], rc_count[2], rc_count[3], rc_count[4], rc_count[5], rc_count[6], rc_count[7], s, (double)(up + n_failed) / s);
  jhist("connect_us", &hconn); jhist("connack_us", &hack);
  jadd(",\"broker_cpu_s\":%.2f,\"cpu_us_per_connect\":%.1f,\"gen_cpu_s\":%.2f", cpu, cpu * 1e6 / (double)(up + n_failed ? up + n_failed : 1), self_cpu() - c0);
  say("connect: %ld up, %ld failed in %.2f s = %.0f/s; p50 %.0f us p99 %.0f us max %.0f us; broker %.1f us/connect\n", up, n_failed, s, (double)(up + n_failed) / s,
      h_pct(&hconn, 50), h_pct(&hconn, 99), (double)hconn.max / 1e3, cpu * 1e6 / (double)(up + n_failed ? up + n_failed : 1));
  if (o.hold) {
    uint64_t end = now_ns() + (uint64_t)o.hold * 1000000000ull; struct pstat h0 = pstat();
    while (now_ns() < end) { ping_due(); turn(200000000); }
    struct pstat h1 = pstat();
    jadd(",\"hold_s\":%d,\"dropped\":%ld,\"rss_before_kb\":%ld,\"rss_connected_kb\":%ld,\"rss_held_kb\":%ld,\"rss_bytes_per_conn\":%.0f,\"hold_cpu_s\":%.2f", o.hold, n_dropped, a.rss_kb, b.rss_kb,
         h1.rss_kb, (double)(h1.rss_kb - a.rss_kb) * 1024 / (double)(up ? up : 1), h1.user + h1.sys - h0.user - h0.sys);
    say("held %d s: %ld dropped, RSS %ld -> %ld -> %ld kB = %.0f bytes/connection\n", o.hold, n_dropped, a.rss_kb, b.rss_kb, h1.rss_kb, (double)(h1.rss_kb - a.rss_kb) * 1024 / (double)(up ? up : 1));
  }
  disconnect_range(0, nconns);
}

static void run_flow(void) {
  switch (o.mode) {
    case M_PAIRS: if (!o.pubs) o.pubs = 100; o.subs = o.pubs; fan = 1; break;
    case M_FANIN: if (!o.pubs) o.pubs = 100; if (!o.subs) o.subs = 1; fan = o.subs; break;
    default: o.pubs = 1; if (!o.subs) o.subs = 100; fan = o.subs; break;
  }
  nconns = o.pubs + o.subs; conns = xcalloc((size_t)nconns, sizeof *conns); dirty = xcalloc((size_t)nconns, sizeof *dirty); ready = xcalloc((size_t)nconns, sizeof *ready);
  lastseq = xcalloc((size_t)o.pubs * (o.mode == M_PAIRS ? 1 : (size_t)o.subs), sizeof *lastseq);
  closed_loop = o.rate <= 0; auto_sub = true;
  for (int i = 0; i < nconns; i++) {
    struct conn *c = &conns[i]; conn_init(c, i, i < o.pubs ? 1 : 2);
    if (i < o.pubs) c->topic = subst(o.topic, i, c->id);
    else if (o.mode == M_FANIN) c->topic = subst(o.topic, i, "+");
    else c->topic = conns[o.mode == M_PAIRS ? i - o.pubs : 0].topic;
    if (i < o.pubs) make_tpl(c);
  }
  connect_range(0, nconns, 60);
  if (n_up < nconns) die("only %ld of %d connected (rc4 %ld rc5 %ld)", n_up, nconns, rc_count[4], rc_count[5]);
  uint64_t lim = now_ns() + 30000000000ull;
  while (n_subbed < o.subs) { turn(100000000); if (now_ns() > lim) die("only %ld of %d subscribed", n_subbed, o.subs); }
  for (int i = 0; i < 5; i++) turn(20000000);
  struct pstat a = pstat(), b = a; double c0 = self_cpu(), c1 = c0;
  uint64_t start = now_ns(), mstart = start + (uint64_t)(o.warm * 1e9), mend = mstart + (uint64_t)(o.dur * 1e9), t = start, nextping = start + 1000000000ull;
  uint64_t mt0 = start, sent = 0; int rr = 0; uint32_t maxout = (uint32_t)o.window * (uint32_t)fan;
  if (closed_loop) for (int i = 0; i < o.pubs; i++) push_ready(&conns[i]);
  bool began = false;
  while (t < mend) {
    if (!began && t >= mstart) { began = true; measuring = true; a = pstat(); c0 = self_cpu(); mt0 = t; }
    int64_t to = 10000000;
    if (closed_loop) {
      int k = nready; nready = 0; /* push_ready may not run in here */
      for (int i = 0; i < k; i++) {
        struct conn *c = ready[i]; c->inready = false; if (c->state != C_UP) continue;
        while (c->outst + (uint32_t)fan <= maxout && c->unacked < (uint32_t)o.window) publish(c, t, (uint32_t)c->idx);
      }
    } else {
      uint64_t due = (uint64_t)((double)(t - start) * o.rate / 1e9) + 1;
      while (sent < due) { publish(&conns[rr], start + (uint64_t)((double)sent * 1e9 / o.rate), (uint32_t)rr); sent++; if (++rr == o.pubs) rr = 0; }
      uint64_t nx = start + (uint64_t)((double)sent * 1e9 / o.rate); to = nx > t ? (int64_t)(nx - t) : 0; if (to > 10000000) to = 10000000;
    }
    turn(to); t = now_ns();
    if (t > nextping) { ping_due(); nextping = t + 1000000000ull; }
    if (n_dropped) die("%ld connections dropped by the broker", n_dropped);
  }
  measuring = false; b = pstat(); c1 = self_cpu(); double secs = (double)(now_ns() - mt0) / 1e9;
  uint64_t want = g_pub * (uint64_t)fan, lastd = g_deliv, lastt = now_ns();
  while (g_deliv < want || (o.qos && g_ack < g_pub)) { /* drain */
    turn(50000000); nready = 0; for (int i = 0; i < o.pubs; i++) conns[i].inready = false;
    uint64_t n = now_ns(); if (g_deliv + g_ack != lastd) { lastd = g_deliv + g_ack; lastt = n; } else if ((double)(n - lastt) / 1e9 > o.idle_timeout) break;
  }
  double cpu = b.user + b.sys - a.user - a.sys; uint64_t lost = want > g_deliv ? want - g_deliv : 0;
  jadd(",\"qos\":%d,\"pubs\":%d,\"subs\":%d,\"size\":%d,\"window\":%d,\"rate\":%.0f,\"seconds\":%.3f,\"published\":%lu,\"delivered\":%lu,\"pub_per_s\":%.0f,\"msgs_per_s\":%.0f,\"total_published\":%lu,\"lost\":%lu,\"dup\":%lu,\"reorder\":%lu,\"unacked\":%lu",
       o.qos, o.pubs, o.subs, o.size, o.window, o.rate, secs, (unsigned long)m_pub, (unsigned long)m_deliv, (double)m_pub / secs, (double)m_deliv / secs, (unsigned long)g_pub,
       (unsigned long)lost, (unsigned long)g_dup, (unsigned long)g_reorder, (unsigned long)(o.qos ? g_pub - g_ack : 0));
  jhist("lat_us", &hlat);
  jadd(",\"broker_cpu_s\":%.2f,\"broker_user_s\":%.2f,\"broker_sys_s\":%.2f,\"cpu_us_per_msg\":%.3f,\"cpu_us_per_pub\":%.3f,\"rss_kb\":%ld,\"hwm_kb\":%ld,\"gen_cpu_s\":%.2f", cpu, b.user - a.user, b.sys - a.sys,
       m_deliv ? cpu * 1e6 / (double)m_deliv : 0.0, m_pub ? cpu * 1e6 / (double)m_pub : 0.0, b.rss_kb, b.hwm_kb, c1 - c0);
  say("%s qos%d %d->%d: %.0f msgs/s delivered (%.0f published/s), lost %lu dup %lu reorder %lu; p50 %.0f p99 %.0f p99.9 %.0f us; broker %.2f us/msg (%.0f %% of a core), generator %.0f %%\n", mode_names[o.mode], o.qos,
      o.pubs, o.subs, (double)m_deliv / secs, (double)m_pub / secs, (unsigned long)lost, (unsigned long)g_dup, (unsigned long)g_reorder, h_pct(&hlat, 50), h_pct(&hlat, 99), h_pct(&hlat, 99.9),
      m_deliv ? cpu * 1e6 / (double)m_deliv : 0.0, cpu / secs * 100, (c1 - c0) / secs * 100);
  disconnect_range(0, nconns);
}

static void run_persist(void) {
  if (!o.subs) o.subs = 10;
  if (!o.pubs) o.pubs = 10;
  o.qos = 1;
  nconns = o.subs + o.pubs; conns = xcalloc((size_t)nconns, sizeof *conns); dirty = xcalloc((size_t)nconns, sizeof *dirty); ready = xcalloc((size_t)nconns, sizeof *ready);
  seen_next = xcalloc((size_t)nconns, sizeof *seen_next); uint32_t *pubseq = xcalloc((size_t)o.subs, sizeof *pubseq);
  for (int i = 0; i < nconns; i++) {
    struct conn *c = &conns[i]; conn_init(c, i, i < o.subs ? 2 : 1);
    if (i < o.subs) { c->clean = false; c->topic = subst(o.topic, i, c->id); make_tpl(c); }
    else c->clean = true;
  }
  /* phase 1: subscribe, leave */
  auto_sub = true; connect_range(0, o.subs, 30); if (n_up < o.subs) die("subscribers: only %ld of %d connected", n_up, o.subs);
  uint64_t lim = now_ns() + 30000000000ull; while (n_subbed < o.subs) { turn(100000000); if (now_ns() > lim) die("not subscribed"); }
  disconnect_range(0, o.subs); usleep(300000); auto_sub = false;
  /* phase 2: queue M messages; publisher k owns the subscribers s with s % pubs == k, so order is defined */
  connect_range(o.subs, nconns, 30); if (n_up < o.pubs) die("publishers: only %ld connected", n_up);
  long per = o.msgs / o.subs, total = per * o.subs; if (per < 1) die("--msgs below --subs");
  int *cur = xcalloc((size_t)o.pubs, sizeof *cur); for (int k = 0; k < o.pubs; k++) cur[k] = k;
  struct pstat a = pstat(); uint64_t t0 = now_ns(), lastt = t0, lasta = 0; long sent = 0;
  for (int k = 0; k < o.pubs; k++) push_ready(&conns[o.subs + k]);
  while ((long)g_ack < total) {
    int kk = nready; nready = 0; uint64_t t = now_ns();
    for (int i = 0; i < kk; i++) {
      struct conn *c = ready[i]; c->inready = false; int k = c->idx - o.subs; if (c->state != C_UP || k < 0) continue;
      while (c->unacked < (uint32_t)o.window) {
        int s = cur[k], tries = 0, step = o.pubs;
        while (s >= o.subs || pubseq[s] >= (uint32_t)per) { s = s + step >= o.subs ? k : s + step; if (++tries > o.subs / step + 2) { s = -1; break; } }
        if (s < 0) break;
        struct conn *tc = &conns[s]; uint8_t *tpl = c->tpl; uint32_t tl = c->tpllen, om = c->off_mid, op = c->off_pay;
        c->tpl = tc->tpl; c->tpllen = tc->tpllen; c->off_mid = tc->off_mid; c->off_pay = tc->off_pay; c->seq = pubseq[s]++;
        publish(c, t, (uint32_t)s); sent++; c->tpl = tpl; c->tpllen = tl; c->off_mid = om; c->off_pay = op; cur[k] = s + step >= o.subs ? k : s + step;
      }
    }
    turn(100000000); uint64_t n = now_ns(); if (g_ack != lasta) { lasta = g_ack; lastt = n; } else if ((double)(n - lastt) / 1e9 > 20) { fprintf(stderr, "no PUBACK for 20 s\n"); break; }
    if (n_dropped) die("publishers dropped");
  }
  double qs = (double)(now_ns() - t0) / 1e9; struct pstat b = pstat(); double qcpu = b.user + b.sys - a.user - a.sys;
  jadd(",\"subs\":%d,\"pubs\":%d,\"size\":%d,\"window\":%d,\"msgs\":%ld,\"acked\":%lu,\"enqueue_s\":%.3f,\"enqueue_per_s\":%.0f,\"enqueue_cpu_us_per_msg\":%.2f,\"rss_before_kb\":%ld,\"rss_queued_kb\":%ld", o.subs, o.pubs, o.size, o.window, total,
       (unsigned long)g_ack, qs, (double)g_ack / qs, qcpu * 1e6 / (double)(g_ack ? g_ack : 1), a.rss_kb, b.rss_kb);
  if (!o.between) disconnect_range(o.subs, nconns);
  if (o.between) { disconnect_range(o.subs, nconns); int r = system(o.between); if (r) fprintf(stderr, "--between: exit %d\n", r); }
  n_dropped = 0;
  /* phase 3: back, drain */
  a = pstat(); t0 = now_ns(); connect_range(0, o.subs, 30);
  long present = 0; for (int i = 0; i < o.subs; i++) present += conns[i].session_present;
  uint64_t ld = 0; lastt = now_ns();
  while ((long)g_deliv < total) {
    turn(100000000); nready = 0; uint64_t n = now_ns();
    if (g_deliv + g_dup != ld) { ld = g_deliv + g_dup; lastt = n; } else if ((double)(n - lastt) / 1e9 > o.idle_timeout) break;
  }
  double ds = (double)((long)g_deliv < total ? lastt - t0 : now_ns() - t0) / 1e9; b = pstat();
  uint64_t extra_end = now_ns() + 500000000ull; while (now_ns() < extra_end) turn(100000000); /* anything delivered twice? */
  uint64_t ld2 = g_dup; double dcpu = b.user + b.sys - a.user - a.sys; long lost = total - (long)g_deliv;
  jadd(",\"sessions_present\":%ld,\"drained\":%lu,\"drain_s\":%.3f,\"drain_per_s\":%.0f,\"drain_cpu_us_per_msg\":%.2f,\"lost\":%ld,\"dup\":%lu,\"gap\":%lu,\"ok\":%s", present, (unsigned long)g_deliv, ds, (double)g_deliv / ds,
       dcpu * 1e6 / (double)(g_deliv ? g_deliv : 1), lost, (unsigned long)ld2, (unsigned long)g_gap, !lost && !ld2 && !g_gap && present == o.subs ? "true" : "false");
  say("persist: queued %lu at %.0f/s (%.1f us/msg); drained %lu at %.0f/s (%.1f us/msg); sessions %ld/%d lost %ld dup %lu gap %lu\n", (unsigned long)g_ack, (double)g_ack / qs, qcpu * 1e6 / (double)(g_ack ? g_ack : 1),
      (unsigned long)g_deliv, (double)g_deliv / ds, dcpu * 1e6 / (double)(g_deliv ? g_deliv : 1), present, o.subs, lost, (unsigned long)ld2, (unsigned long)g_gap);
  disconnect_range(0, o.subs);
  /* leave nothing behind: a clean connect ends the stored sessions */
  for (int i = 0; i < o.subs; i++) conns[i].clean = true;
  connect_range(0, o.subs, 10); disconnect_range(0, o.subs);
}

int main(int argc, char **argv) {
  if (argc < 2) die("usage: mqttload connect|fanin|fanout|pairs|persist [options]  (see README.md)");
  int m = -1; for (int i = 0; i < 5; i++) if (!strcmp(argv[1], mode_names[i])) m = i;
  if (m < 0) die("unknown mode %s", argv[1]);
  o.mode = (enum mode)m;
  for (int i = 2; i < argc; i++) {
    const char *k = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
#define FLAG(s, f) if (!strcmp(k, s)) { o.f = true; continue; }
#define STR(s, f) if (!strcmp(k, s)) { if (!v) die("%s needs a value", k); o.f = v; i++; continue; }
#define INT(s, f) if (!strcmp(k, s)) { if (!v) die("%s needs a value", k); o.f = atoi(v); i++; continue; }
#define DBL(s, f) if (!strcmp(k, s)) { if (!v) die("%s needs a value", k); o.f = atof(v); i++; continue; }
    FLAG("--json", json) FLAG("--quiet", quiet) FLAG("--wrong-pass", wrongpass)
    STR("--host", host) INT("--port", port) INT("--n", n) INT("--cwin", cwin) INT("--srcs", srcs) INT("--hold", hold) INT("--keepalive", keepalive) INT("--offset", offset)
    STR("--id", id) STR("--user", user) STR("--pass", pass) STR("--creds", creds) STR("--topic", topic) STR("--label", label) STR("--between", between) STR("--pidfile", pidfile)
    INT("--pid", pid) INT("--pubs", pubs) INT("--subs", subs) INT("--qos", qos) INT("--window", window) INT("--size", size) DBL("--rate", rate) DBL("--warm", warm) DBL("--time", dur) DBL("--idle-timeout", idle_timeout)
    if (!strcmp(k, "--msgs")) { if (!v) die("--msgs needs a value"); o.msgs = atol(v); i++; continue; }
    die("unknown option %s", k);
  }
  if (o.size < 16) o.size = 16;
  if (o.qos < 0 || o.qos > 1) die("--qos 0 or 1");
  if (o.n > 60000) die("--n at most 60000");
  signal(SIGPIPE, SIG_IGN);
  struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
  ep = epoll_create1(EPOLL_CLOEXEC); rbuf = xrealloc(NULL, RBUF + 16); load_creds();
  jadd("{\"mode\":\"%s\",\"label\":\"%s\"", mode_names[o.mode], o.label);
  if (o.mode == M_CONNECT) run_connect(); else if (o.mode == M_PERSIST) run_persist(); else run_flow();
  jadd("}"); if (o.json) puts(js);
  return 0;
}
