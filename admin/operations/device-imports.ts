import { z } from 'zod'
import { MAX_DEVICES_PER_REQUEST } from '../device-rows.ts'
import { deviceSecret, revealed, tag } from './device-schemas.ts'
import { operation } from './operation.ts'

const importRequest = z.strictObject({ import: z.int().positive() })

export const deviceImportOperations = {
  beginDeviceImport: operation({
    summary: 'Begin to gather devices that come from elsewhere. Another import that was under way ends.',
    route: { method: 'POST', path: '/device-imports' },
    isStep: true,
    role: 'operator',
    request: z.strictObject({
      recipe: z.string().exactOptional().meta({ description: 'What they start with; as configured when absent.' }),
      dryRun: z.boolean().exactOptional().meta({ description: 'Look at the rows, and import nothing.' }),
    }),
    answer: z.object({ import: z.int() }),
    call: async ({ registry }, { recipe, dryRun = false }) => ({
      import: registry.deviceImports.begin({ recipe, isDry: dryRun }),
    }),
  }),

  addDeviceRows: operation({
    summary: 'Add devices to an import. A row that cannot be one is told, and left out.',
    route: { method: 'POST', path: '/device-imports/{import}/rows' },
    isStep: true,
    role: 'operator',
    request: importRequest.extend({
      rows: z
        .array(
          z.strictObject({
            line: z.int(),
            manufacturerId: z.string(),
            name: z.string().exactOptional(),
            tags: z.array(tag),
            deviceId: z.string().exactOptional(),
            accessKey: z.string().exactOptional(),
            accessSecret: z.string().exactOptional().meta({ description: 'Made when absent.' }),
          }),
        )
        .max(MAX_DEVICES_PER_REQUEST),
    }),
    answer: z.object({ problems: z.array(z.object({ line: z.int(), problem: z.string() })).readonly(), rows: z.int() }),
    // A hundred passwords on a small machine.
    answerMs: 120_000,
    async call({ registry }, { import: id, rows }) {
      const problems = await registry.deviceImports.addRows(id, rows)
      return { problems, rows: registry.deviceImports.sizeOf(id) }
    },
  }),

  commitDeviceImport: operation({
    summary: 'Put all devices of an import into the registry, in one step. Secrets that were made are shown this once.',
    route: { method: 'POST', path: '/device-imports/{import}/commit' },
    role: 'operator',
    request: importRequest,
    answer: z.object({ imported: z.int(), secrets: z.array(deviceSecret).readonly() }),
    answerMs: 120_000,
    count: ({ imported }) => imported,
    async call({ registry }, { import: id }) {
      const { imported, credentials } = await registry.deviceImports.commit(id)
      return { imported, secrets: credentials.map(revealed) }
    },
  }),

  abandonDeviceImport: operation({
    summary: 'Give an import of devices up.',
    route: { method: 'DELETE', path: '/device-imports/{import}' },
    isStep: true,
    role: 'operator',
    request: importRequest,
    answer: z.object({ abandoned: z.int() }),
    async call({ registry }, { import: id }) {
      registry.deviceImports.abandon(id)
      return { abandoned: id }
    },
  }),
}
