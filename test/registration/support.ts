import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import {
  createRegistrationApp,
  listenHttp,
  type HttpListener,
  type HttpListenerOptions,
} from '../../registration/index.ts'
import type { RegistrationParts } from '../../registration/index.ts'
import type { Log, Registry } from '../../registry/index.ts'
import { mint } from '../contract/registration-cases.ts'
import type { RegistrationDoor } from '../contract/registration-door.ts'
import { aCertificate } from '../support/certificate.ts'
import { memoryLog } from '../support/log.ts'
import { aRegistry, ISSUER, SIGNING_SECRET } from '../support/registry.ts'
import { everyDevice } from '../support/every-device.ts'

export const validToken = (): string => mint(SIGNING_SECRET, { iss: ISSUER })

type ListenOptions = Partial<Omit<HttpListenerOptions, 'log'>>

/** A listener on a free port that ends with the test. */
export async function aListener(
  t: TestContext,
  app: HttpListenerOptions['app'],
  options: ListenOptions & { readonly log?: Log } = {},
): Promise<HttpListener & { readonly baseUrl: string }> {
  const listener = await listenHttp({ address: { host: '127.0.0.1', port: 0 }, app, log: memoryLog(), ...options })
  t.after(() => listener.close(0))
  const scheme = options.tls === undefined ? 'http' : 'https'
  return { ...listener, baseUrl: `${scheme}://127.0.0.1:${listener.address.port}` }
}

/** The app over a real registry, or over parts of the test's own, behind a listener. */
export async function aDoor(
  t: TestContext,
  parts: Partial<RegistrationParts> = {},
  options: ListenOptions = {},
): Promise<RegistrationDoor & { readonly listener: HttpListener }> {
  const log = parts.log ?? memoryLog()
  const registry = await aRegistry(t)
  const app = createRegistrationApp({ registry, readiness: () => [], log, ...parts })
  const listener = await aListener(t, app.callback(), { ...options, log })
  return {
    listener,
    baseUrl: listener.baseUrl,
    secret: SIGNING_SECRET,
    issuer: ISSUER,
    manufacturerIds: () => manufacturerIdsOf(registry),
  }
}

export async function aSecureDoor(t: TestContext): Promise<RegistrationDoor> {
  const { cert, key, ca } = await aCertificate()
  return { ...(await aDoor(t, {}, { tls: { cert, key } })), ca }
}

async function manufacturerIdsOf(registry: Registry): Promise<string[]> {
  const devices = await everyDevice((page) => registry.devices.list({ filter: {}, ...page }))
  return devices.map(({ manufacturerId }) => manufacturerId)
}

/** A connection that says exactly what it is told to. */
export interface RawClient {
  readonly socket: Socket
  /** What came back so far. */
  received(): string
  /** Waits until what came back matches; rejects when the connection closes before. */
  until(pattern: RegExp): Promise<string>
  /** Waits for the end of the connection; gives all that came back. */
  closed(): Promise<string>
}

export async function aRawClient(t: TestContext, { baseUrl }: { readonly baseUrl: string }): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(baseUrl).port), allowHalfOpen: true })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    socket.emit('text')
  })
  socket.once('end', () => socket.end())
  await once(socket, 'connect')
  return {
    socket,
    received: () => text,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(text)) resolve(text)
        }
        socket.on('text', look)
        socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)))
        look()
      }),
    closed: async () => {
      if (!socket.closed) await new Promise((resolve) => void socket.once('close', resolve))
      return text
    },
  }
}

/** A registration as bytes. */
export function rawRegistration(manufacturerId: string, headers = ''): string {
  const body = JSON.stringify({ token: validToken(), manufacturerId })
  return (
    'POST /api/register-device HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
    `Content-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`
  )
}

/** A promise that the test settles when it likes. */
export function aPromise(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let settle: (() => void) | undefined
  const promise = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: () => settle?.() }
}
