/**
 * What every reply carries, the refusals of the parser included. Source: docs/contract.md §1.
 *
 * @param secure - whether the request came over TLS; RFC 6797 §7.2 forbids the last header elsewhere.
 */
export const headersOfEveryReply = (secure: boolean): Readonly<Record<string, string>> => ({
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  ...(secure && { 'Strict-Transport-Security': 'max-age=31536000' }),
})
