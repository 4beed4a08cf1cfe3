/* The persist mode: sessions that are away, what is queued for them, and whether it comes back whole. */
#ifndef PERSIST_H
#define PERSIST_H
#include "client.h"

/* How the subscribers' messages are numbered, per subscriber; known without having queued them, so that two processes can share the work. */
static long persist_per, persist_total;
static void persist_subscribe(void) {
  auto_sub = true; connect_range(0, o.subs, 30); if (n_up < o.subs) die("subscribers: only %ld of %d connected", n_up, o.subs);
  uint64_t lim = now_ns() + 30000000000ull; while (n_subbed < o.subs) { turn(100000000); if (now_ns() > lim) die("not subscribed"); }
  disconnect_range(0, o.subs); usleep(300000); auto_sub = false;
}
/* Publisher k owns the subscribers s with s % pubs == k, so order is defined. */
static void persist_queue(void) {
  uint32_t *pubseq = xcalloc((size_t)o.subs, sizeof *pubseq); long per = persist_per, total = persist_total;
  connect_range(o.subs, nconns, 30); if (n_up < o.pubs) die("publishers: only %ld connected", n_up);
  int *cur = xcalloc((size_t)o.pubs, sizeof *cur); for (int k = 0; k < o.pubs; k++) cur[k] = k;
  struct pstat a = pstat(); uint64_t t0 = now_ns(), lastt = t0, lasta = 0;
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
        publish(c, t, (uint32_t)s); c->tpl = tpl; c->tpllen = tl; c->off_mid = om; c->off_pay = op; cur[k] = s + step >= o.subs ? k : s + step;
      }
    }
    turn(100000000); uint64_t n = now_ns(); if (g_ack != lasta) { lasta = g_ack; lastt = n; } else if ((double)(n - lastt) / 1e9 > 20) { fprintf(stderr, "no PUBACK for 20 s\n"); break; }
    if (n_dropped) die("publishers dropped");
  }
  double qs = (double)(now_ns() - t0) / 1e9; struct pstat b = pstat(); double qcpu = b.user + b.sys - a.user - a.sys;
  jadd(",\"acked\":%lu,\"enqueue_s\":%.3f,\"enqueue_per_s\":%.0f,\"enqueue_cpu_s\":%.2f,\"enqueue_idle_s\":%.2f,\"enqueue_cpu_us_per_msg\":%.2f,\"rss_before_kb\":%ld,\"rss_queued_kb\":%ld",
       (unsigned long)g_ack, qs, (double)g_ack / qs, qcpu, b.idle - a.idle, qcpu * 1e6 / (double)(g_ack ? g_ack : 1), a.rss_kb, b.rss_kb);
  say("persist: queued %lu at %.0f/s (%.1f us/msg)\n", (unsigned long)g_ack, (double)g_ack / qs, qcpu * 1e6 / (double)(g_ack ? g_ack : 1));
  disconnect_range(o.subs, nconns);
}
static void persist_drain(void) {
  long total = persist_total; n_dropped = 0;
  struct pstat a = pstat(); uint64_t t0 = now_ns(); connect_range(0, o.subs, 30);
  long present = 0; for (int i = 0; i < o.subs; i++) present += conns[i].session_present;
  uint64_t ld = 0, lastt = now_ns();
  while ((long)g_deliv < total) {
    turn(100000000); nready = 0; uint64_t n = now_ns();
    if (g_deliv + g_dup != ld) { ld = g_deliv + g_dup; lastt = n; } else if ((double)(n - lastt) / 1e9 > o.idle_timeout) break;
  }
  double ds = (double)((long)g_deliv < total ? lastt - t0 : now_ns() - t0) / 1e9; struct pstat b = pstat();
  uint64_t extra_end = now_ns() + 500000000ull; while (now_ns() < extra_end) turn(100000000); /* anything delivered twice? */
  double dcpu = b.user + b.sys - a.user - a.sys; long lost = total - (long)g_deliv;
  jadd(",\"sessions_present\":%ld,\"drained\":%lu,\"drain_s\":%.3f,\"drain_per_s\":%.0f,\"drain_cpu_s\":%.2f,\"drain_idle_s\":%.2f,\"drain_cpu_us_per_msg\":%.2f,\"lost\":%ld,\"dup\":%lu,\"gap\":%lu,\"ok\":%s",
       present, (unsigned long)g_deliv, ds, (double)g_deliv / ds, dcpu, b.idle - a.idle, dcpu * 1e6 / (double)(g_deliv ? g_deliv : 1), lost, (unsigned long)g_dup, (unsigned long)g_gap,
       !lost && !g_dup && !g_gap && present == o.subs ? "true" : "false");
  say("persist: drained %lu at %.0f/s (%.1f us/msg); sessions %ld/%d lost %ld dup %lu gap %lu\n", (unsigned long)g_deliv, (double)g_deliv / ds, dcpu * 1e6 / (double)(g_deliv ? g_deliv : 1), present, o.subs,
      lost, (unsigned long)g_dup, (unsigned long)g_gap);
  disconnect_range(0, o.subs);
  /* leave nothing behind: a clean connect ends the stored sessions */
  for (int i = 0; i < o.subs; i++) conns[i].clean = true;
  connect_range(0, o.subs, 10); disconnect_range(0, o.subs);
}

static void run_persist(void) {
  if (!o.subs) o.subs = 10;
  if (!o.pubs) o.pubs = 10;
  o.qos = 1;
  bool queue = !o.only || !strcmp(o.only, "queue"), drain = !o.only || !strcmp(o.only, "drain"); if (!queue && !drain) die("--only queue or drain");
  nconns = o.subs + o.pubs; conns = xcalloc((size_t)nconns, sizeof *conns); dirty = xcalloc((size_t)nconns, sizeof *dirty); ready = xcalloc((size_t)nconns, sizeof *ready);
  seen_next = xcalloc((size_t)nconns, sizeof *seen_next);
  for (int i = 0; i < nconns; i++) {
    struct conn *c = &conns[i]; conn_init(c, i, i < o.subs ? 2 : 1);
    if (i < o.subs) { c->clean = false; c->topic = subst(o.topic, i, c->id); make_tpl(c); }
    else c->clean = true;
  }
  persist_per = o.msgs / o.subs; persist_total = persist_per * o.subs; if (persist_per < 1) die("--msgs below --subs");
  jadd(",\"subs\":%d,\"pubs\":%d,\"size\":%d,\"window\":%d,\"msgs\":%ld", o.subs, o.pubs, o.size, o.window, persist_total);
  if (queue) { persist_subscribe(); persist_queue(); }
  if (o.between) { int r = system(o.between); if (r) fprintf(stderr, "--between: exit %d\n", r); }
  if (drain) persist_drain();
}

#endif
