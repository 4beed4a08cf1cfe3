/* How a connection's bytes travel: plain TCP, TLS (when built with OpenSSL), or WebSocket frames over TCP. */
#ifndef WIRE_H
#define WIRE_H
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif

#include "measure.h"

enum wire_kind { W_TCP, W_TLS, W_WS };
struct buf { uint8_t *p; uint32_t len, off, cap; };
struct wire {
  int fd;
  void *ssl;
  struct buf frames;                      /* WebSocket: what is framed and not yet sent */
  uint8_t head[14]; uint32_t headlen;     /* WebSocket: the part of a frame's header that has come */
  uint64_t left; uint8_t opcode;          /* WebSocket: what is still to come of a frame's payload */
  char answer[1024]; uint32_t answerlen;  /* WebSocket: the answer to the upgrade */
};

static void *xrealloc(void *p, size_t n) { p = realloc(p, n); if (!p) die("out of memory"); return p; }
static uint8_t *buf_room(struct buf *b, uint32_t n) {
  if (b->off && b->off == b->len) b->off = b->len = 0;
  if (b->len + n > b->cap) {
    if (b->off) { memmove(b->p, b->p + b->off, b->len - b->off); b->len -= b->off; b->off = 0; }
    if (b->len + n > b->cap) { uint32_t cap = b->cap ? b->cap : 256; while (cap < b->len + n) cap *= 2; b->p = xrealloc(b->p, cap); b->cap = cap; }
  }
  uint8_t *p = b->p + b->len; b->len += n; return p;
}

/* ---------------------------------------------------------------- bytes: 0 or more, or -1 and errno as send() and recv() have it */
#ifdef WITH_TLS
static SSL_CTX *tls_context;
static void wire_init(enum wire_kind kind) {
  if (kind != W_TLS) return;
  tls_context = SSL_CTX_new(TLS_client_method()); if (!tls_context) die("no TLS");
  SSL_CTX_set_verify(tls_context, SSL_VERIFY_NONE, NULL); /* loopback; the certificate is the run's own */
  SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}
static ssize_t tls_result(struct wire *w, int n) {
  if (n > 0) return n;
  int e = SSL_get_error(w->ssl, n);
  if (e == SSL_ERROR_ZERO_RETURN) return 0;
  errno = e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
  return -1;
}
/* 1 when done, 0 when it waits, -1 when it failed. */
static int tls_handshake(struct wire *w) {
  if (!w->ssl) { w->ssl = SSL_new(tls_context); if (!w->ssl || !SSL_set_fd(w->ssl, w->fd)) die("no TLS"); }
  int n = SSL_connect(w->ssl); if (n == 1) return 1;
  return tls_result(w, n) < 0 && errno == EAGAIN ? 0 : -1;
}
#else
static void wire_init(enum wire_kind kind) { if (kind == W_TLS) die("built without TLS: install libssl-dev and run make again"); }
static int tls_handshake(struct wire *w) { (void)w; return -1; }
#endif
static ssize_t wire_send(struct wire *w, const uint8_t *p, size_t n) {
#ifdef WITH_TLS
  if (w->ssl) return tls_result(w, SSL_write(w->ssl, p, (int)n));
#endif
  return send(w->fd, p, n, MSG_NOSIGNAL);
}
static ssize_t wire_recv(struct wire *w, uint8_t *p, size_t n) {
#ifdef WITH_TLS
  if (w->ssl) { /* what stays in OpenSSL's own buffer would not wake epoll: read until it is dry */
    size_t got = 0;
    while (got < n) {
      ssize_t k = tls_result(w, SSL_read(w->ssl, p + got, (int)(n - got)));
      if (k <= 0) return got ? (ssize_t)got : k;
      got += (size_t)k;
    }
    return (ssize_t)got;
  }
#endif
  return recv(w->fd, p, n, 0);
}
static void wire_close(struct wire *w) {
#ifdef WITH_TLS
  if (w->ssl) { SSL_free(w->ssl); w->ssl = NULL; }
#endif
  if (w->fd >= 0) close(w->fd);
  w->fd = -1; w->frames.len = w->frames.off = w->headlen = w->answerlen = 0; w->left = 0;
}

/* ---------------------------------------------------------------- WebSocket. Source: RFC 6455 §4.1, §5.2 */
static void ws_ask(struct wire *w, const char *host, int port) {
  char t[512];
  int n = snprintf(t, sizeof t, "GET / HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: bW9vcmluZyBtcXR0bG9hZA==\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", host, port);
  if (send(w->fd, t, (size_t)n, MSG_NOSIGNAL) != n) die("the upgrade could not be sent whole");
}
/* 1 when upgraded, 0 when it waits, -1 when it was refused. Nothing follows the answer before the client has spoken. */
static int ws_answer(struct wire *w) {
  ssize_t n = recv(w->fd, w->answer + w->answerlen, sizeof w->answer - 1 - w->answerlen, 0);
  if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
  w->answerlen += (uint32_t)n; w->answer[w->answerlen] = 0;
  if (!strstr(w->answer, "\r\n\r\n")) return w->answerlen < sizeof w->answer - 1 ? 0 : -1;
  return strncmp(w->answer, "HTTP/1.1 101", 12) ? -1 : 1;
}
static void ws_frame(struct wire *w, const uint8_t *p, uint32_t n) {
  static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d}; /* any will do on loopback; the server unmasks all the same */
  uint8_t *f = buf_room(&w->frames, n + (n < 126 ? 6 : n < 65536 ? 8 : 14));
  *f++ = 0x82; /* FIN, binary */
  if (n < 126) *f++ = (uint8_t)(0x80 | n);
  else if (n < 65536) { *f++ = 0x80 | 126; *f++ = (uint8_t)(n >> 8); *f++ = (uint8_t)n; }
  else { *f++ = 0x80 | 127; for (int s = 56; s >= 0; s -= 8) *f++ = (uint8_t)((uint64_t)n >> s); }
  memcpy(f, mask, 4); f += 4;
  for (uint32_t i = 0; i < n; i++) f[i] = p[i] ^ mask[i & 3];
}
/* The payloads of the frames in p[0..n) go to out, which has room for n; returns how much, or -1 when the server closed. */
static ssize_t ws_payload(struct wire *w, const uint8_t *p, size_t n, uint8_t *out) {
  size_t got = 0;
  while (n) {
    if (w->left) {
      size_t k = w->left < n ? (size_t)w->left : n;
      if (w->opcode < 8) { memcpy(out + got, p, k); got += k; }
      p += k; n -= k; w->left -= k; continue;
    }
    w->head[w->headlen++] = *p++; n--;
    if (w->headlen < 2) continue;
    uint32_t size = w->head[1] & 127, whole = size == 126 ? 4 : size == 127 ? 10 : 2;
    if (w->headlen < whole) continue;
    if (size < 126) w->left = size;
    else for (uint32_t i = 2; i < whole; i++) w->left = w->left << 8 | w->head[i];
    w->opcode = w->head[0] & 15; w->headlen = 0;
    if (w->opcode == 8) return -1;
  }
  return (ssize_t)got;
}

#endif
