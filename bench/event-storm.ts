import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const BODY = JSON.stringify({ token: 'nobody’s', manufacturerId: 'STORM-1' })
const REQUEST = [
  'POST /api/register-device HTTP/1.1',
  'Host: 127.0.0.1',
  'Content-Type: application/json',
  `Content-Length: ${Buffer.byteLength(BODY)}`,
  '',
  BODY,
].join('\r\n')

const TICK_MS = 20

/**
 * Makes `rate` events a second for so long: registrations that are refused, many in one write, so that whoever makes them
 * costs nearly nothing beside the server and a browser.
 *
 * @returns how many were answered.
 */
export async function storm(port: number, { rate, seconds }: { rate: number; seconds: number }): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  let answered = 0
  // Each answer has one status line; it may be cut anywhere, so the rest is kept.
  let rest = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    const parts = (rest + text).split('HTTP/1.1 403')
    answered += parts.length - 1
    rest = parts.at(-1)?.slice(-12) ?? ''
  })
  await connected(socket)
  const total = rate * seconds
  const startedAt = performance.now()
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.ceil(((performance.now() - startedAt) / 1000) * rate))
    if (due > sent) socket.write(REQUEST.repeat(due - sent))
    sent = due
    await delay(TICK_MS)
  }
  socket.end()
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return answered
}

const connected = (socket: Socket): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
