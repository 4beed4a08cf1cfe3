/* mqttload - a small, cheap MQTT 3.1.1 load generator (C11, Linux, epoll; OpenSSL only for --tls).
 * One thread. See README.md for the modes and for what every figure means. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "client.h"
#include "persist.h"

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
  jadd(",\"broker_cpu_s\":%.2f,\"core_idle_s\":%.2f,\"cpu_us_per_connect\":%.1f,\"gen_cpu_s\":%.2f", cpu, b.idle - a.idle, cpu * 1e6 / (double)(up + n_failed ? up + n_failed : 1), self_cpu() - c0);
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

static pid_t start_shell(const char *command) {
  pid_t pid = fork(); if (pid < 0) die("fork: %s", strerror(errno));
  if (!pid) { execl("/bin/sh", "sh", "-c", command, (char *)NULL); _exit(127); }
  return pid;
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
    if (i < o.pubs) make_tpl(c); else c->clean = !o.keep;
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
  bool began = false; pid_t during = 0;
  while (t < mend) {
    if (!began && t >= mstart) { began = true; measuring = true; if (o.during) during = start_shell(o.during); a = pstat(); c0 = self_cpu(); mt0 = t; }
    if (during && waitpid(during, NULL, WNOHANG) == during) break;
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
  jadd(",\"broker_cpu_s\":%.2f,\"core_idle_s\":%.2f,\"broker_user_s\":%.2f,\"broker_sys_s\":%.2f,\"cpu_us_per_msg\":%.3f,\"cpu_us_per_pub\":%.3f,\"rss_kb\":%ld,\"hwm_kb\":%ld,\"gen_cpu_s\":%.2f", cpu, b.idle - a.idle, b.user - a.user, b.sys - a.sys,
       m_deliv ? cpu * 1e6 / (double)m_deliv : 0.0, m_pub ? cpu * 1e6 / (double)m_pub : 0.0, b.rss_kb, b.hwm_kb, c1 - c0);
  say("%s qos%d %d->%d: %.0f msgs/s delivered (%.0f published/s), lost %lu dup %lu reorder %lu; p50 %.0f p99 %.0f p99.9 %.0f us; broker %.2f us/msg (%.0f %% of a core), generator %.0f %%\n", mode_names[o.mode], o.qos,
      o.pubs, o.subs, (double)m_deliv / secs, (double)m_pub / secs, (unsigned long)lost, (unsigned long)g_dup, (unsigned long)g_reorder, h_pct(&hlat, 50), h_pct(&hlat, 99), h_pct(&hlat, 99.9),
      m_deliv ? cpu * 1e6 / (double)m_deliv : 0.0, cpu / secs * 100, (c1 - c0) / secs * 100);
  disconnect_range(0, nconns);
  if (!o.keep) return;
  /* leave nothing behind: a clean connect ends the stored sessions */
  auto_sub = false; for (int i = o.pubs; i < nconns; i++) conns[i].clean = true;
  connect_range(o.pubs, nconns, 10); disconnect_range(o.pubs, nconns);
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
    FLAG("--json", json) FLAG("--quiet", quiet) FLAG("--wrong-pass", wrongpass) FLAG("--ws-per-packet", ws_per_packet) FLAG("--keep", keep)
    if (!strcmp(k, "--tls")) { o.wire = W_TLS; continue; }
    if (!strcmp(k, "--ws")) { o.wire = W_WS; continue; }
    STR("--host", host) INT("--port", port) INT("--n", n) INT("--cwin", cwin) INT("--srcs", srcs) INT("--hold", hold) INT("--keepalive", keepalive) INT("--offset", offset)
    STR("--id", id) STR("--user", user) STR("--pass", pass) STR("--creds", creds) STR("--sub-creds", sub_creds) STR("--during", during) STR("--topic", topic) STR("--label", label) STR("--between", between) STR("--only", only) STR("--pidfile", pidfile)
    INT("--pid", pid) INT("--core", core) INT("--pubs", pubs) INT("--subs", subs) INT("--qos", qos) INT("--window", window) INT("--size", size) DBL("--rate", rate) DBL("--warm", warm) DBL("--time", dur) DBL("--idle-timeout", idle_timeout)
    if (!strcmp(k, "--msgs")) { if (!v) die("--msgs needs a value"); o.msgs = atol(v); i++; continue; }
    die("unknown option %s", k);
  }
  if (o.size < 16) o.size = 16;
  if (o.qos < 0 || o.qos > 1) die("--qos 0 or 1");
  if (o.n > 60000) die("--n at most 60000");
  signal(SIGPIPE, SIG_IGN);
  struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
  ep = epoll_create1(EPOLL_CLOEXEC); rbuf = xrealloc(NULL, RBUF + 16); wire_init(o.wire); load_creds(&creds_all, o.creds); load_creds(&creds_sub, o.sub_creds);
  jadd("{\"mode\":\"%s\",\"label\":\"%s\"", mode_names[o.mode], o.label);
  if (o.mode == M_CONNECT) run_connect(); else if (o.mode == M_PERSIST) run_persist(); else run_flow();
  jadd("}"); if (o.json) puts(js);
  return 0;
}
