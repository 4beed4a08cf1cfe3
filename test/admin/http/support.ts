import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { createAdminHttp, type NewsSources, type OperatorChange, type OperatorParts } from '../../../admin/index.ts'
import { Signal, type Registry, type RegistryOptions, type Role } from '../../../registry/index.ts'
import type { StoreLevel, Writer } from '../../../storage/index.ts'
import { memoryLog } from '../../support/log.ts'
import { aRegistry } from '../../support/registry.ts'
import { A_RUNNING_SERVER, A_STATUS } from '../fake-operator.ts'
import { WatchedDevices } from './watched-devices.ts'

export const PASSWORD = 'correct horse battery'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The fields of its JSON. */
  readonly body: Readonly<Record<string, unknown>>
}

export interface Asked {
  readonly method?: string
  /** Text goes as it is. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface AdminDoor {
  readonly baseUrl: string
  readonly registry: Registry
  readonly log: ReturnType<typeof memoryLog>
  readonly news: News
  readonly watched: WatchedDevices
  readonly admin: ReturnType<typeof createAdminHttp>
  /** Below `/admin/v1`, unless `path` begins with `//`. */
  ask(path: string, asked?: Asked): Promise<Answer>
  /** Headers with the cookie of a new session of a new account. */
  session(role: Role): Promise<Record<string, string>>
  apiToken(role: Role, scopes?: readonly string[]): Promise<Record<string, string>>
}

export interface News extends NewsSources {
  readonly registrationEnded: Signal<string>
  readonly clientConnected: Signal<Parameters<Parameters<NewsSources['clientConnected']['on']>[0]>[0]>
  readonly clientDisconnected: Signal<Parameters<Parameters<NewsSources['clientDisconnected']['on']>[0]>[0]>
}

interface DoorOptions extends Partial<RegistryOptions> {
  readonly database?: { level: StoreLevel; writer: Pick<Writer, 'write'> }
  readonly operator?: Partial<OperatorParts>
  /** What the page was built to, by name. */
  readonly page?: Readonly<Record<string, string>>
}

/** The admin API over a real registry, on a free port. */
export async function anAdminDoor(
  t: TestContext,
  { operator, page = {}, ...options }: DoorOptions = {},
): Promise<AdminDoor> {
  const log = memoryLog()
  const registry = await aRegistry(t, options)
  const watched = new WatchedDevices()
  const changed = new Signal<OperatorChange>(() => {})
  const news: News = {
    deviceRegistered: registry.deviceRegistered,
    deviceReturned: registry.deviceReturned,
    registrationEnded: new Signal(() => {}),
    clientConnected: new Signal(() => {}),
    clientDisconnected: new Signal(() => {}),
    operatorChanged: changed,
    stats: () => ({ connectedClients: 3 }),
  }
  const parts = {
    registry,
    status: () => A_STATUS,
    adminUrls: () => ['http://here/'],
    readiness: () => [{ name: 'store', ok: true }],
    changed,
    server: A_RUNNING_SERVER,
    retained: { list: async () => ({ messages: [] }), clear: async () => 0 },
    ...operator,
  } as OperatorParts
  const admin = createAdminHttp({
    registry,
    operator: parts,
    news,
    watchDevice: watched.watch,
    page: filesOf(page),
    version: '1.2.3',
    log,
  })
  const server = createServer((request, response) => void admin.answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    admin.close()
    server.closeAllConnections()
    server.close()
  })
  const bound = server.address()
  const baseUrl = `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`
  let accounts = 0
  return {
    baseUrl,
    registry,
    log,
    news,
    watched,
    admin,
    ask: (path, asked = {}) => ask(`${baseUrl}${path.startsWith('//') ? path.slice(1) : `/admin/v1${path}`}`, asked),
    session: async (role) => {
      const name = `${role}-${++accounts}`
      await registry.accounts.create({ name, password: PASSWORD, role })
      const session = await registry.accounts.sessions.begin(name, '127.0.0.1')
      return { cookie: `mooring=${session.reveal()}` }
    },
    apiToken: async (role, scopes = ['*']) => {
      const { token } = await registry.accounts.apiTokens.create({ name: `${role}-${++accounts}`, role, scopes })
      return { authorization: `Bearer ${token.reveal()}` }
    },
  }
}

const filesOf = (page: Readonly<Record<string, string>>) => ({
  names: () => Object.keys(page),
  read: async (name: string) => Buffer.from(page[name] ?? assert.fail(`${name} was read`)),
})

export async function ask(url: string, { method, body, headers = {} }: Asked): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: text }),
    redirect: 'manual',
  })
  const answer = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && answer !== ''
  const fields: unknown = isJson ? JSON.parse(answer) : {}
  return { status: response.status, headers: response.headers, text: answer, body: { ...Object(fields) } }
}
