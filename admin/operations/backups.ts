import { z } from 'zod'
import { RegistryError } from '../../registry/index.ts'
import { operation } from './operation.ts'

/** Some gigabytes on a slow disk. */
const LONGEST_MS = 3_600_000

const backupSummary = z
  .object({
    file: z.string().meta({ description: 'Absolute path, on the machine of the server.' }),
    createdAt: z.iso.datetime(),
    version: z.string().meta({ description: 'Of Mooring.' }),
    records: z.record(z.string(), z.int()).meta({ description: 'How many, by kind.' }).readonly(),
    files: z
      .array(z.string())
      .readonly()
      .meta({ description: 'Files of the data folder that are in it: whoever has them can register devices.' }),
    sha256: z.string().meta({ description: 'Of its content.' }),
  })
  .readonly()
  .meta({ id: 'BackupSummary' })

export type BackupSummary = z.output<typeof backupSummary>

export const backupOperations = {
  createBackup: operation({
    summary: 'Write all that the store holds at this moment to a file.',
    route: { method: 'POST', path: '/backups' },
    role: 'admin',
    request: z.strictObject({
      to: z
        .string()
        .meta({ description: 'An absolute path: a file that is not there yet, or a folder. From a shell only.' })
        .exactOptional(),
    }),
    answer: backupSummary,
    answerMs: LONGEST_MS,
    call: async ({ backups }, { to }, caller) => {
      // Whoever comes over the network must not write where they like on the machine.
      if (to !== undefined && caller.kind !== 'shell') {
        throw new RegistryError('ERR_INPUT_INVALID', 'Where a backup goes can be chosen from a shell only.')
      }
      return await backups.create(to)
    },
  }),
}
