/* The MQTT 3.1.1 client of mqttload: its options, its connections, the packets it writes and reads, its event loop.
 * One read and one write per connection and loop turn, no allocation per message. */
#ifndef CLIENT_H
#define CLIENT_H
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "measure.h"
#include "wire.h"

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
  const char *id, *user, *pass, *creds, *sub_creds, *topic, *label, *between, *only, *during, *pidfile;
  enum wire_kind wire;
  int pid, core;
  int pubs, subs, qos, window, size;
  double rate, warm, dur, idle_timeout;
  long msgs;
  bool json, clean, keep, quiet, wrongpass, ws_per_packet;
} o = {.mode = M_CONNECT, .host = "127.0.0.1", .port = 1883, .n = 1000, .cwin = 64, .srcs = 8,
       .keepalive = 60, .id = "dev%06d", .topic = "losant/%s/state", .pubs = 0, .subs = 0, .qos = 0,
       .window = 20, .size = 100, .warm = 1, .dur = 5, .msgs = 10000, .clean = true,
       .idle_timeout = 5, .label = "", .core = -1};

static int broker_pid(void) {
  if (o.pidfile) { FILE *f = fopen(o.pidfile, "r"); int p = 0; if (f) { if (fscanf(f, "%d", &p) != 1) p = 0; fclose(f); } return p; }
  return o.pid;
}
static struct pstat pstat(void) { return pstat_of(broker_pid(), o.core); }
static void say(const char *f, ...) { if (o.quiet) return; va_list a; va_start(a, f); vfprintf(stderr, f, a); va_end(a); }

/* ---------------------------------------------------------------- connections */
enum cstate { C_NEW, C_TCP, C_SHAKE, C_WAITACK, C_UP, C_DEAD };
struct conn {
  struct wire w;
  int idx;
  uint8_t state, role; /* role: 0 plain, 1 publisher, 2 subscriber */
  bool dirty, wantout, subbed, session_present, clean, inready;
  char *id, *user, *pass, *topic; /* topic: what it publishes to, or subscribes to */
  uint8_t *in; uint32_t inlen, incap;
  struct buf out;
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

/* Who the clients are: lines of `client-id user password`. Subscribers may have a file of their own. */
struct creds { const char *file; char **id, **user, **pass; int n; };
static struct creds creds_all, creds_sub;
static void load_creds(struct creds *k, const char *file) {
  if (!file) return;
  FILE *f = fopen(file, "r"); if (!f) die("%s: %s", file, strerror(errno));
  char l[2048], a[600], b[600], c[600]; int cap = 0; k->file = file;
  while (fgets(l, sizeof l, f)) {
    int fields = sscanf(l, "%599s %599s %599s", a, b, c); if (fields < 1) continue;
    if (k->n == cap) {
      size_t size = sizeof(char *) * (size_t)(cap = cap ? cap * 2 : 1024);
      k->id = xrealloc(k->id, size); k->user = xrealloc(k->user, size); k->pass = xrealloc(k->pass, size);
    }
    k->id[k->n] = strdup(a); k->user[k->n] = fields > 1 ? strdup(b) : NULL; k->pass[k->n++] = fields > 2 ? strdup(c) : NULL;
  }
  fclose(f);
}
static void conn_init(struct conn *c, int idx, int role) {
  memset(c, 0, sizeof *c); c->w.fd = -1; c->idx = idx; c->role = (uint8_t)role; c->clean = o.clean;
  bool own = role == 2 && creds_sub.n; const struct creds *k = own ? &creds_sub : &creds_all;
  int i = (own ? idx - o.pubs : idx) + o.offset;
  if (k->n) {
    if (i >= k->n) die("only %d credentials in %s", k->n, k->file);
    c->id = k->id[i]; c->user = k->user[i]; c->pass = k->pass[i];
  } else {
    c->id = subst(o.id, i, NULL);
    c->user = o.user ? subst(o.user, i, c->id) : NULL; c->pass = o.pass ? subst(o.pass, i, c->id) : NULL;
  }
}

static void mark(struct conn *c) { if (!c->dirty) { c->dirty = true; dirty[ndirty++] = c; } }
static uint8_t *out_room(struct conn *c, uint32_t n) { mark(c); return buf_room(&c->out, n); }
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
  wire_close(&c->w);
  if (drop) {
    if (c->state == C_UP) { n_dropped++; n_up--; } else if (c->state >= C_TCP && c->state <= C_WAITACK) { n_failed++; n_pending--; rc_count[7]++; }
  }
  c->state = C_DEAD; c->inlen = c->out.len = c->out.off = 0;
}
static void want_out(struct conn *c, bool w) {
  if (c->wantout == w) return;
  c->wantout = w; struct epoll_event e = {.events = EPOLLIN | (w ? (uint32_t)EPOLLOUT : 0u), .data.ptr = c}; epoll_ctl(ep, EPOLL_CTL_MOD, c->w.fd, &e);
}
/* Everything that waits as one frame, or each packet in its own. */
static struct buf *framed(struct conn *c) {
  uint8_t *p = c->out.p + c->out.off; uint32_t n = c->out.len - c->out.off;
  while (n) {
    uint32_t size = n, rl = 0, q = 1; unsigned sh = 0;
    if (o.ws_per_packet) { do rl |= (uint32_t)(p[q] & 127) << sh, sh += 7; while (p[q++] & 128); size = q + rl; }
    ws_frame(&c->w, p, size); p += size; n -= size;
  }
  c->out.len = c->out.off = 0;
  return &c->w.frames;
}
static void flush_conn(struct conn *c) {
  if (c->w.fd < 0 || c->state < C_WAITACK) return;
  struct buf *b = o.wire == W_WS ? framed(c) : &c->out;
  while (b->off < b->len) {
    ssize_t n = wire_send(&c->w, b->p + b->off, b->len - b->off);
    if (n > 0) { b->off += (uint32_t)n; continue; }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) { want_out(c, true); return; }
    conn_close(c, true); return;
  }
  b->len = b->off = 0; want_out(c, false);
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
  c->w.fd = fd; c->state = C_TCP; c->wantout = true; c->subbed = false; c->inlen = c->out.len = c->out.off = 0; c->t0 = now_ns(); n_pending++;
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
      if (n < 2 || p[1]) { rc_count[n < 2 || p[1] > 6 ? 6 : p[1]]++; n_failed++; c->state = C_DEAD; wire_close(&c->w); return; }
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
static ssize_t receive(struct conn *c, uint8_t *p, size_t n) {
  static uint8_t frames[1 << 18];
  if (o.wire != W_WS) return wire_recv(&c->w, p, n);
  ssize_t k = wire_recv(&c->w, frames, n < sizeof frames ? n : sizeof frames);
  if (k <= 0) return k;
  if ((k = ws_payload(&c->w, frames, (size_t)k, p)) < 0) return 0;
  errno = EAGAIN; return k ? k : -1;
}
static void on_read(struct conn *c) {
  size_t have = c->inlen; if (have) { memcpy(rbuf, c->in, have); c->inlen = 0; }
  ssize_t n = receive(c, rbuf + have, RBUF - have);
  if (n <= 0) { if (n < 0 && (errno == EAGAIN || errno == EINTR)) n = 0; else { conn_close(c, true); return; } }
  uint64_t t = now_ns(); size_t len = have + (size_t)n, pos = 0;
  while (len - pos >= 2) {
    uint32_t rl = 0; unsigned sh = 0; size_t q = pos + 1; bool ok = false;
    while (q < len && sh < 28) { uint8_t b = rbuf[q++]; rl |= (uint32_t)(b & 127) << sh; sh += 7; if (!(b & 128)) { ok = true; break; } }
    if (!ok || len - q < rl) break;
    on_packet(c, rbuf[pos], rbuf + q, rl, t); pos = q + rl;
    if (c->w.fd < 0) return;
  }
  if (pos < len) {
    uint32_t r = (uint32_t)(len - pos); if (r > c->incap) { c->incap = r < 256 ? 256 : r * 2; c->in = xrealloc(c->in, c->incap); }
    memcpy(c->in, rbuf + pos, r); c->inlen = r;
  }
}
static struct epoll_event evs[1024];
static void greet(struct conn *c) { c->state = C_WAITACK; want_out(c, false); send_connect(c); }
static void shake(struct conn *c) {
  int done = o.wire == W_TLS ? tls_handshake(&c->w) : ws_answer(&c->w);
  if (done < 0) conn_close(c, true);
  else if (done) greet(c);
  else want_out(c, false);
}
static void on_connected(struct conn *c) {
  int e = 0; socklen_t l = sizeof e; getsockopt(c->w.fd, SOL_SOCKET, SO_ERROR, &e, &l);
  if (e) { conn_close(c, true); return; }
  if (o.wire == W_TCP) { greet(c); return; }
  c->state = C_SHAKE;
  if (o.wire == W_WS) { ws_ask(&c->w, o.host, o.port); want_out(c, false); } else shake(c);
}
static void turn(int64_t timeout_ns) {
  flush_all();
  struct timespec ts = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  int n = epoll_pwait2(ep, evs, 1024, timeout_ns < 0 ? NULL : &ts, NULL);
  for (int i = 0; i < n; i++) {
    struct conn *c = evs[i].data.ptr; if (c->w.fd < 0) continue;
    if (c->state == C_TCP) { on_connected(c); continue; }
    if (c->state == C_SHAKE) { shake(c); continue; }
    if (evs[i].events & EPOLLOUT) flush_conn(c);
    if (c->w.fd >= 0 && evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_read(c);
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
  for (int i = a; i < b; i++) if (conns[i].w.fd >= 0) { if (conns[i].state == C_UP) n_up--; conn_close(&conns[i], false); }
}

static void ping_due(void) {
  if (!o.keepalive) return;
  uint64_t t = now_ns(), due = (uint64_t)o.keepalive * 500000000ull;
  for (int i = 0; i < nconns; i++) if (conns[i].state == C_UP && t - conns[i].lastsend > due) { uint8_t *p = out_room(&conns[i], 2); p[0] = 0xc0; p[1] = 0; conns[i].lastsend = t; }
}

#endif
