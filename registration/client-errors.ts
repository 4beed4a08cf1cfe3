import { once } from 'node:events'
import { STATUS_CODES, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Log } from '../registry/index.ts'
import { logOfErrors } from './error-log.ts'
import { RequestError, requestStatusFor } from './errors.ts'
import { headersOfEveryReply } from './headers.ts'
import { LINGER_MS } from './linger.ts'
import { refusalBody } from './refusal.ts'

/**
 * Answers what the HTTP parser gave up on, and closes the connection.
 *
 * @param unanswered - the responses that a connection still owes; undefined when it never came to speak HTTP.
 */
export function refuserOfClientErrors(
  log: Log,
  unanswered: (socket: Duplex) => Iterable<ServerResponse> | undefined,
): (problem: NodeJS.ErrnoException, socket: Duplex) => Promise<void> {
  const tell = logOfErrors(log)
  const refused = new WeakSet<Duplex>()
  return async (problem, socket) => {
    // The parser reports every further byte of a connection that is being closed.
    if (refused.has(socket)) return
    refused.add(socket)

    const responses = unanswered(socket)
    if (responses === undefined) {
      socket.destroy()
      return
    }
    const owed = [...responses]
    // What was asked properly before is answered first: that answer may hold a device's only credentials.
    await Promise.all(owed.filter((response) => response.req.complete).map((response) => closed(response)))
    if (!socket.writable || owed.some((response) => response.headersSent && !response.req.complete)) {
      socket.destroy()
      return
    }
    const refusal = refusalOf(problem)
    tell(refusal, { address: addressOf(socket) })
    endWith(socket, refusal)
  }
}

/** Writes a refusal without the help of a response object, and closes the connection politely. */
export function endWith(socket: Duplex, refusal: RequestError): void {
  const status = requestStatusFor[refusal.code]
  const body = JSON.stringify(refusalBody(status, refusal.message, refusal.code))
  const headers = {
    ...headersOfEveryReply('encrypted' in socket),
    ...refusal.headers,
    Date: new Date().toUTCString(),
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`)
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}

const addressOf = (socket: Duplex): string => (socket instanceof Socket && socket.remoteAddress) || ''

async function closed(response: ServerResponse): Promise<void> {
  if (!response.closed) await once(response, 'close')
}

function refusalOf({ code }: NodeJS.ErrnoException): RequestError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new RequestError('ERR_REQUEST_TIMEOUT', 'The request took too long.')
    case 'HPE_HEADER_OVERFLOW':
      return new RequestError('ERR_HEADERS_TOO_LARGE', 'The headers are too large.')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new RequestError('ERR_BODY_TOO_LARGE', 'The chunk extensions are too large.')
    default:
      return new RequestError('ERR_REQUEST_MALFORMED', 'This is not an HTTP request.')
  }
}
