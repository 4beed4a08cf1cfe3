import { z } from 'zod'
import { nothing, operation } from './operation.ts'
import { serverOf } from './running-server.ts'

const check = z
  .object({
    check: z.string(),
    state: z.enum(['ok', 'warning', 'error']),
    text: z.string(),
    hint: z.string().exactOptional().meta({ description: 'What to do about it.' }),
  })
  .meta({ id: 'Check', description: 'As `mooring doctor` says it.' })

const overview = z
  .object({
    version: z.string(),
    startedAt: z.iso.datetime(),
    connectedClients: z.int(),
    devices: z.int().meta({ description: 'That have registered; counted anew when the last count has grown old.' }),
    registrations: z
      .object({ accepted: z.int(), refused: z.int() })
      .meta({ description: 'In the last 24 hours, or since the start when that was later.' }),
    messages: z
      .object({ received: z.int(), sent: z.int(), dropped: z.int() })
      .meta({ description: 'Since the start.' }),
    disk: z.object({ storeBytes: z.int(), freeBytes: z.int(), totalBytes: z.int() }),
    certificate: z
      .object({ subject: z.string(), notAfter: z.iso.datetime() })
      .exactOptional()
      .meta({ description: 'That the TLS listeners show; absent without TLS.' }),
    checks: z.array(check).readonly(),
    topicRoot: z.string().meta({ description: 'First levels of every topic.' }),
  })
  .meta({ id: 'Overview' })

const numbers = z.array(z.number()).readonly()

const history = z
  .object({
    times: numbers.meta({
      description:
        'When each interval ended, in seconds since 1970; the oldest first. Those in which no server ran are not there.',
    }),
    connected: numbers,
    messagesIn: numbers.meta({ description: 'A second, on average.' }),
    messagesOut: numbers.meta({ description: 'A second, on average.' }),
    registrations: numbers.meta({ description: 'In the interval.' }),
    refused: numbers.meta({ description: 'Registrations that were refused, in the interval.' }),
  })
  .meta({ id: 'History' })

const setting = z
  .object({
    path: z.string(),
    value: z.string().exactOptional().meta({ description: 'Absent when nothing is set; `(set)` for a secret.' }),
    source: z.string().meta({ description: '`flag`, `environment`, `file` or `default`.' }),
    detail: z.string().exactOptional().meta({ description: 'The flag, the variable, or `file:line:column`.' }),
  })
  .meta({ id: 'EffectiveSetting' })

export const overviewOperations = {
  overview: operation({
    summary: 'Show how the server is, and what needs attention.',
    route: { method: 'GET', path: '/overview' },
    role: 'viewer',
    request: nothing,
    answer: overview,
    async call(parts) {
      const [facts, devices] = await Promise.all([serverOf(parts).facts(), parts.registry.devices.count()])
      const { version, startedAt, connectedClients } = parts.status()
      const { registrationsOfDay: registrations, messages, disk, certificate, checks, topicRoot } = facts
      return {
        version,
        startedAt,
        connectedClients,
        devices,
        registrations,
        messages,
        disk,
        ...(certificate === undefined ? {} : { certificate }),
        checks,
        topicRoot,
      }
    },
  }),

  history: operation({
    summary: 'Show the last hour in steps of 10 seconds, or the last 24 hours in steps of 5 minutes.',
    route: { method: 'GET', path: '/history' },
    role: 'viewer',
    request: z.strictObject({ span: z.enum(['1h', '24h']).default('1h') }),
    answer: history,
    call: async (parts, { span }) => serverOf(parts).historyOf(span),
  }),

  effectiveConfig: operation({
    summary: 'Show every setting of the running server and where it comes from; of secrets only that they are set.',
    route: { method: 'GET', path: '/config' },
    role: 'admin',
    request: nothing,
    answer: z.object({ settings: z.array(setting).readonly() }),
    call: async (parts) => ({ settings: serverOf(parts).settings() }),
  }),
}
