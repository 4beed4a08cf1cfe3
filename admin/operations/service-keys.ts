import { z } from 'zod'
import type { ServiceKey } from '../../registry/index.ts'
import { operation } from './operation.ts'
import { next, page, pageOf } from './pages.ts'

const filters = z.array(z.string())

const rules = z.object({
  publish: filters.readonly(),
  subscribe: filters.readonly(),
  deny: filters.readonly(),
})

/** A service key without the hash of its secret. */
const serviceKeySummary = z
  .object({
    name: z.string(),
    accessKey: z.string(),
    rules,
    addresses: filters.readonly().exactOptional(),
    createdAt: z.iso.datetime(),
    disabled: z.boolean(),
  })
  .meta({ id: 'ServiceKey' })

export type ServiceKeySummary = z.output<typeof serviceKeySummary>

export const serviceKeyOperations = {
  createServiceKey: operation({
    summary:
      "Create an access key for the operator's own software. Without rules it reaches everything under the topic root.",
    route: { method: 'POST', path: '/service-keys' },
    role: 'admin',
    request: z.strictObject({
      name: z.string(),
      rules: z.strictObject({
        publish: filters.exactOptional(),
        subscribe: filters.exactOptional(),
        deny: filters.exactOptional(),
      }),
      addresses: filters
        .exactOptional()
        .meta({ description: 'Networks that it may log in from, such as 10.0.0.0/8; from anywhere when absent.' }),
      secret: z.string().exactOptional().meta({ description: 'Minted when absent.' }),
    }),
    answer: z.object({ name: z.string(), accessKey: z.string(), accessSecret: z.string() }),
    async call({ registry }, request) {
      const credentials = await registry.serviceKeys.create(request)
      return { ...credentials, accessSecret: credentials.accessSecret.reveal() }
    },
  }),

  listServiceKeys: operation({
    summary: 'List service keys by their names.',
    route: { method: 'GET', path: '/service-keys' },
    role: 'viewer',
    request: z.strictObject(page),
    answer: z.object({ keys: z.array(serviceKeySummary).readonly(), next }),
    async call({ registry }, request) {
      const { items, ...more } = pageOf(await registry.serviceKeys.list(), ({ name }) => name, request)
      return { keys: items.map(summaryOf), ...more }
    },
  }),

  deleteServiceKey: operation({
    summary: 'Delete a service key and end its connections.',
    route: { method: 'DELETE', path: '/service-keys/{key}' },
    role: 'admin',
    request: z.strictObject({ key: z.string().meta({ description: 'Its name or its access key.' }) }),
    answer: z.object({ deleted: z.string() }),
    async call({ registry }, { key }) {
      await registry.serviceKeys.delete(key)
      return { deleted: key }
    },
  }),
}

const summaryOf = ({
  name,
  accessKey,
  rules: given,
  addresses = [],
  createdAt,
  disabled,
}: ServiceKey): ServiceKeySummary => ({
  name,
  accessKey,
  rules: given,
  ...(addresses.length === 0 ? {} : { addresses }),
  createdAt,
  disabled,
})
