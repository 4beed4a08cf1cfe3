/* What both load generators measure with: a clock, a histogram, /proc of the process under load, and a line of JSON. */
#ifndef MEASURE_H
#define MEASURE_H
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void die(const char *f, ...) {
  va_list a; va_start(a, f); vfprintf(stderr, f, a); va_end(a); fputc('\n', stderr); exit(2);
}
static uint64_t now_ns(void) {
  struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}
static void *xcalloc(size_t n, size_t s) { void *p = calloc(n ? n : 1, s); if (!p) die("out of memory"); return p; }

/* ---------------------------------------------------------------- histogram (log-linear, ~1.6 %) */
#define HSUB 64
struct hist { uint64_t b[64 * HSUB], n, max; double sum; };
static void h_add(struct hist *h, uint64_t v) {
  unsigned i;
  if (v < HSUB) i = (unsigned)v;
  else { unsigned e = 63u - (unsigned)__builtin_clzll(v); i = (e - 5) * HSUB + (unsigned)((v >> (e - 6)) & (HSUB - 1)); }
  h->b[i]++; h->n++; h->sum += (double)v; if (v > h->max) h->max = v;
}
static double h_pct(const struct hist *h, double p) { /* in us */
  if (!h->n) return 0;
  uint64_t want = (uint64_t)(p / 100.0 * (double)h->n + 0.5), c = 0; if (want < 1) want = 1;
  for (unsigned i = 0; i < 64 * HSUB; i++) {
    c += h->b[i];
    if (c >= want) {
      if (i < HSUB) return i / 1e3;
      unsigned e = i / HSUB + 5, m = i % HSUB;
      return (double)(((uint64_t)(HSUB + m) << (e - 6)) + ((1ull << (e - 6)) >> 1)) / 1e3;
    }
  }
  return (double)h->max / 1e3;
}

/* ---------------------------------------------------------------- figures of another process */
struct pstat { double user, sys, idle; long rss_kb, hwm_kb; };
/* `core`: whose idle time to read too; below 0 none. What a broker pinned there had and what nobody wanted, together
 * over the wall time, is the share of the core that was the broker's to have. */
static struct pstat pstat_of(int pid, int core) {
  struct pstat s = {0, 0, 0, 0, 0};
  if (!pid) return s;
  char p[64], buf[4096]; double hz = (double)sysconf(_SC_CLK_TCK);
  snprintf(p, sizeof p, "/proc/%d/stat", pid);
  FILE *f = fopen(p, "r");
  if (f) {
    size_t n = fread(buf, 1, sizeof buf - 1, f); buf[n] = 0; fclose(f);
    char *q = strrchr(buf, ')'); unsigned long u = 0, k = 0;
    if (q && sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &k) == 2) { s.user = (double)u / hz; s.sys = (double)k / hz; }
  }
  snprintf(p, sizeof p, "/proc/%d/status", pid);
  if ((f = fopen(p, "r"))) {
    while (fgets(buf, sizeof buf, f)) { sscanf(buf, "VmRSS: %ld", &s.rss_kb); sscanf(buf, "VmHWM: %ld", &s.hwm_kb); }
    fclose(f);
  }
  if (core >= 0 && (f = fopen("/proc/stat", "r"))) {
    int name = snprintf(p, sizeof p, "cpu%d ", core); unsigned long idle, wait;
    while (fgets(buf, sizeof buf, f)) if (!strncmp(buf, p, (size_t)name) && sscanf(buf + name, "%*u %*u %*u %lu %lu", &idle, &wait) == 2) s.idle = (double)(idle + wait) / hz;
    fclose(f);
  }
  return s;
}
static double self_cpu(void) {
  struct rusage r; getrusage(RUSAGE_SELF, &r);
  return (double)r.ru_utime.tv_sec + (double)r.ru_stime.tv_sec + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* ---------------------------------------------------------------- JSON */
static char js[8192]; static size_t jn;
static void jadd(const char *f, ...) { va_list a; va_start(a, f); jn += (size_t)vsnprintf(js + jn, sizeof js - jn, f, a); va_end(a); }
static void jhist(const char *k, const struct hist *h) {
  jadd(",\"%s\":{\"n\":%lu,\"mean\":%.1f,\"p50\":%.1f,\"p95\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", k, (unsigned long)h->n,
       h->n ? h->sum / (double)h->n / 1e3 : 0.0, h_pct(h, 50), h_pct(h, 95), h_pct(h, 99), h_pct(h, 99.9), (double)h->max / 1e3);
}

#endif
