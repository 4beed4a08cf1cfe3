import { createServer as createHttpServer, IncomingMessage, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'

/** PEM, chain first. */
export interface Certificate {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

export interface HttpTimeouts {
  /** From accept, or the first byte of a request, to the end of its headers. Also for the TLS handshake. */
  readonly headersMs: number
  /** From the first byte of a request to the end of its body. Source: docs/contract.md §1. */
  readonly requestMs: number
  /** How long a connection may wait for its next request. */
  readonly keepAliveMs: number
  /** How often the first two are looked at; a request may live this much longer. */
  readonly checkEveryMs: number
}

export const httpTimeouts: HttpTimeouts = {
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 7_000,
  checkEveryMs: 1_000,
}

const MAX_HEADER_BYTES = 16 * 1024
const MIN_TLS_VERSION = 'TLSv1.2'

export type WebServer = Server<typeof WebRequest> | HttpsServer<typeof WebRequest>

/**
 * Node takes every `Upgrade` header for one that its listener wants, but HTTP libraries offer `h2c` or `TLS/1.2` with
 * plain requests (Java's and Apache's do by default). Those are ordinary requests here, as RFC 9110 §7.8 allows.
 */
class WebRequest extends IncomingMessage {
  declare offered: boolean

  get upgrade(): boolean {
    return this.offered && (this.method === 'CONNECT' || this.headers.upgrade?.trim().toLowerCase() === 'websocket')
  }

  set upgrade(offered: boolean | null) {
    this.offered = offered === true
  }
}

/** A server with limits and without listeners. @throws {Error} that names the setting when the certificate does not work. */
export function createWebServer(tls: Certificate | undefined, timeouts: HttpTimeouts): WebServer {
  const options: ServerOptions<typeof WebRequest> = {
    IncomingMessage: WebRequest,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    connectionsCheckingInterval: timeouts.checkEveryMs,
    // Node would refuse with an empty body; the app answers this one as it answers all others.
    requireHostHeader: false,
  }
  const server =
    tls === undefined
      ? createHttpServer(options)
      : withCertificate(tls, (secure) =>
          createHttpsServer({ ...options, ...secure, handshakeTimeout: timeouts.headersMs }),
        )
  // A client that closes its sending half after the request still wants the answer: it may hold its only credentials.
  return Object.assign(server, { httpAllowHalfOpen: true })
}

/** Serves new connections with another certificate. @throws {Error} that names the setting; the old one then stays. */
export function setCertificate(server: HttpsServer<typeof WebRequest>, certificate: Certificate): void {
  withCertificate(certificate, (secure) => server.setSecureContext(secure))
}

function withCertificate<T>({ cert, key }: Certificate, use: (secure: object) => T): T {
  try {
    return use({ cert, key, minVersion: MIN_TLS_VERSION })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `tls.cert (MOORING_TLS_CERT) and tls.key (MOORING_TLS_KEY) do not work together: ${why}. ` +
        'They must be a PEM certificate chain and the private key it was made for, without a pass phrase.',
      { cause },
    )
  }
}
