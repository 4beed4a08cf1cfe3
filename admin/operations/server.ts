import { z } from 'zod'
import { RegistryError } from '../../registry/index.ts'
import { nothing, operation } from './operation.ts'
import { serverOf } from './running-server.ts'

const serverStatus = z
  .object({
    version: z.string(),
    node: z.string().meta({ description: 'Version of Node.js, without the `v`.' }),
    pid: z.int(),
    startedAt: z.iso.datetime(),
    uptimeSeconds: z.number(),
    data: z.string().meta({ description: 'Absolute path of the data folder.' }),
    connectedClients: z.int(),
    listeners: z
      .record(z.string(), z.string())
      .meta({ description: '`host:port` of every listener that is on, by its name in the configuration.' }),
  })
  .readonly()
  .meta({ id: 'ServerStatus' })

export type ServerStatus = z.output<typeof serverStatus>

export const serverOperations = {
  status: operation({
    summary: 'Show the state of the running server.',
    route: { method: 'GET', path: '/status' },
    role: 'viewer',
    request: nothing,
    answer: serverStatus,
    call: async ({ status }) => status(),
  }),

  health: operation({
    summary: 'Say whether the running server can serve, as `/readyz` does, and why not.',
    route: { method: 'GET', path: '/health' },
    role: 'viewer',
    request: nothing,
    answer: z
      .object({
        ready: z.boolean(),
        checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string().exactOptional() })).readonly(),
      })
      .meta({ id: 'Health' }),
    async call({ readiness }) {
      if (readiness === undefined) throw new RegistryError('ERR_CONFLICT', 'No server runs.')
      const checks = readiness()
      return { ready: checks.every(({ ok }) => ok), checks }
    },
  }),

  reloadCertificate: operation({
    summary:
      'Read the certificate of the TLS listeners again; nobody is disconnected. One that cannot be used changes nothing.',
    route: { method: 'POST', path: '/certificate/reload' },
    role: 'admin',
    request: nothing,
    answer: z.object({ subject: z.string(), notAfter: z.iso.datetime() }).meta({ id: 'LoadedCertificate' }),
    async call(parts) {
      const loaded = await serverOf(parts).reloadCertificate()
      if (loaded !== undefined) return loaded
      throw new RegistryError('ERR_CONFLICT', 'No TLS listener is on, so there is no certificate.')
    },
  }),
}
