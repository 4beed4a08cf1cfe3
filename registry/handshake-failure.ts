import type { HandshakeFailure } from './journal/index.ts'

/**
 * What is known of a TLS handshake that failed.
 *
 * @param secure - the socket of `tlsClientError`. Node has closed it already, and it forgets its address then; the one
 * under it, which `_parent` leads to, remembers when it was asked before.
 */
export function handshakeFailure(
  error: Error,
  secure: object,
  transport: HandshakeFailure['transport'],
): HandshakeFailure {
  const { _parent: under, remoteAddress }: { _parent?: { remoteAddress?: string }; remoteAddress?: string } = secure
  const address = (remoteAddress ?? under?.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '')
  return { address, transport, reason: reasonOf(error) }
}

/** OpenSSL's message holds numbers of its own, which differ each time. */
const reasonOf = (error: Error & { reason?: unknown }): string =>
  typeof error.reason === 'string' ? error.reason : error.message
