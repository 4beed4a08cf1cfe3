import { z } from 'zod'
import { RegistryError, type AllowListEntry, type Registry } from '../../registry/index.ts'
import { MAX_ROWS_PER_PAGE } from '../allow-list-rows.ts'
import { AllowListText } from '../allow-list-text.ts'
import { nothing, operation } from './operation.ts'
import { next, page } from './pages.ts'

/** How many rows one question may look at before it answers with what it has found. */
const MAX_ROWS_LOOKED_AT = 20_000

/** Of a file that is sent as it is. */
const MAX_CHARACTERS_AT_ONCE = 256 * 1024

/** The file of the import that is under way; there is one import at a time. */
const textUnderWay = new WeakMap<Registry, { readonly import: number; readonly text: AllowListText }>()

const tag = z.object({ key: z.string(), value: z.string() })

const entryFields = {
  manufacturerId: z.string(),
  tags: z.array(tag).readonly().meta({ description: 'Given to the device when it registers.' }),
  note: z.string(),
}

const entryAnswer = z
  .object({
    ...entryFields,
    deviceId: z.string().exactOptional().meta({ description: 'The device it has become; absent while it is missing.' }),
  })
  .meta({ id: 'AllowListEntry' })

const change = z
  .object({
    added: z.int(),
    removed: z.int(),
    changed: z.int(),
    unchanged: z.int(),
    examples: z.object({ added: z.array(z.string()).readonly(), removed: z.array(z.string()).readonly() }),
  })
  .meta({ id: 'AllowListChange' })

const importRequest = z.strictObject({ import: z.int().positive() })

const entryPage = z.object({ entries: z.array(entryAnswer).readonly(), next })

const approvalState = z.enum(['waiting', 'approved', 'refused'])

const approvalAnswer = z
  .object({
    manufacturerId: z.string(),
    state: approvalState,
    askedAt: z.iso.datetime(),
    decidedAt: z.iso.datetime().exactOptional(),
    address: z.string(),
    tokenId: z.string().exactOptional(),
  })
  .meta({ id: 'Approval' })

const manufacturerIdRequest = z.strictObject({ manufacturerId: z.string() })

export const admissionOperations = {
  allowListStatus: operation({
    summary: 'Show how many devices are expected, and since when.',
    route: { method: 'GET', path: '/allow-list/status' },
    role: 'viewer',
    request: nothing,
    answer: z.object({
      mode: z.string(),
      entries: z.int(),
      importedAt: z.iso.datetime().exactOptional(),
      waitingApprovals: z.int(),
    }),
    async call({ registry: { admission, allowList, approvals } }) {
      const { size: entries, importedAt } = allowList
      return {
        mode: admission.mode,
        entries,
        ...(importedAt === undefined ? {} : { importedAt }),
        waitingApprovals: approvals.waiting,
      }
    },
  }),

  listAllowList: operation({
    summary: 'List the manufacturer IDs that are expected, all or only those that have (not) arrived.',
    route: { method: 'GET', path: '/allow-list' },
    role: 'viewer',
    request: z.strictObject({ ...page, only: z.enum(['missing', 'arrived']).exactOptional() }),
    answer: entryPage,
    call: ({ registry }, request) => listEntries(registry, request),
  }),

  checkAllowList: operation({
    summary: 'Say whether a manufacturer ID is expected, and which device it has become.',
    route: { method: 'GET', path: '/allow-list/{manufacturerId}' },
    role: 'viewer',
    request: manufacturerIdRequest,
    answer: entryAnswer,
    async call({ registry }, { manufacturerId }) {
      const entry = registry.allowList.find(manufacturerId)
      if (entry !== undefined) return described(registry, entry)
      throw new RegistryError('ERR_NOT_FOUND', `${JSON.stringify(manufacturerId)} is not in the allow-list.`)
    },
  }),

  addToAllowList: operation({
    summary: 'Expect one more device.',
    route: { method: 'POST', path: '/allow-list' },
    role: 'operator',
    request: z.strictObject({
      manufacturerId: z.string(),
      tags: z.array(tag).default([]),
      note: z.string().default(''),
    }),
    answer: entryAnswer,
    call: async ({ registry }, row) => described(registry, await registry.allowList.add(row, new Date())),
  }),

  removeFromAllowList: operation({
    summary: 'Expect a device no longer. One that has registered stays.',
    route: { method: 'DELETE', path: '/allow-list/{manufacturerId}' },
    role: 'operator',
    request: manufacturerIdRequest,
    answer: entryAnswer,
    call: async ({ registry }, { manufacturerId }) =>
      described(registry, await registry.allowList.remove(manufacturerId)),
  }),

  beginAllowListImport: operation({
    summary: 'Begin to put a new allow-list beside the one in force. Another import that was under way ends.',
    route: { method: 'POST', path: '/allow-list-imports' },
    isStep: true,
    role: 'operator',
    request: nothing,
    answer: z.object({ import: z.int() }),
    call: async ({ registry }) => ({ import: await registry.allowList.beginImport() }),
  }),

  addAllowListRows: operation({
    summary: 'Add rows to an import. A row that cannot be one is told, and left out.',
    route: { method: 'POST', path: '/allow-list-imports/{import}/rows' },
    isStep: true,
    role: 'operator',
    request: importRequest.extend({
      rows: z
        .array(z.strictObject({ line: z.int(), manufacturerId: z.string(), tags: z.array(tag), note: z.string() }))
        .max(MAX_ROWS_PER_PAGE),
    }),
    answer: z.object({ problems: z.array(z.object({ line: z.int(), problem: z.string() })).readonly() }),
    call: async ({ registry }, { import: id, rows }) => ({ problems: await registry.allowList.addRows(id, rows) }),
  }),

  addAllowListText: operation({
    summary:
      'Add the next piece of a CSV file to an import, cut anywhere. Rows that cannot be one are told, and left out.',
    route: { method: 'POST', path: '/allow-list-imports/{import}/text' },
    isStep: true,
    role: 'operator',
    request: importRequest.extend({
      text: z.string().max(MAX_CHARACTERS_AT_ONCE).meta({
        description:
          'The first row of the file names the columns: manufacturerId, and perhaps tags (key=value;…) and note.',
      }),
      isLast: z.boolean().default(false),
    }),
    answer: z.object({
      rows: z.int().meta({ description: 'That were read since the file began.' }),
      problems: z.array(z.object({ line: z.int(), problem: z.string() })).readonly(),
    }),
    async call({ registry }, { import: id, text, isLast }) {
      const file = textOfImport(registry, id)
      const read = await file.write(text)
      if (!isLast) return read
      textUnderWay.delete(registry)
      const { rows, problems } = await file.end()
      return { rows, problems: [...read.problems, ...problems] }
    },
  }),

  compareAllowListImport: operation({
    summary: 'Say what an import would change.',
    route: { method: 'GET', path: '/allow-list-imports/{import}' },
    role: 'operator',
    request: importRequest,
    answer: change,
    call: ({ registry }, { import: id }) => registry.allowList.compareImport(id),
  }),

  commitAllowListImport: operation({
    summary: 'Put the imported list in the place of the one in force, in one step.',
    route: { method: 'POST', path: '/allow-list-imports/{import}/commit' },
    role: 'operator',
    request: importRequest,
    answer: change,
    call: ({ registry }, { import: id }) => registry.allowList.commitImport(id, new Date()),
  }),

  abandonAllowListImport: operation({
    summary: 'Give an import up.',
    route: { method: 'DELETE', path: '/allow-list-imports/{import}' },
    isStep: true,
    role: 'operator',
    request: importRequest,
    answer: z.object({ abandoned: z.int() }),
    async call({ registry }, { import: id }) {
      await registry.allowList.abandonImport(id)
      return { abandoned: id }
    },
  }),

  listApprovals: operation({
    summary: 'List the manufacturer IDs that asked to register in mode `approve`.',
    route: { method: 'GET', path: '/approvals' },
    role: 'viewer',
    request: z.strictObject({ ...page, state: approvalState.default('waiting') }),
    answer: z.object({ approvals: z.array(approvalAnswer).readonly(), next }),
    async call({ registry }, { limit, after, state }) {
      // One more than asked for tells whether there is a next page.
      const from = after === undefined ? {} : { after }
      const found = await registry.approvals.list({ state, limit: limit + 1, ...from })
      const approvals = found.slice(0, limit)
      const last = approvals.at(-1)
      return found.length > limit && last !== undefined ? { approvals, next: last.manufacturerId } : { approvals }
    },
  }),

  decideApprovals: operation({
    summary: 'Approve or refuse manufacturer IDs that asked to register, some or all that wait.',
    route: { method: 'POST', path: '/approvals/decide' },
    role: 'operator',
    request: z.strictObject({
      decision: z.enum(['approved', 'refused']),
      manufacturerIds: z.union([z.literal('all'), z.array(z.string()).min(1).max(MAX_ROWS_PER_PAGE)]),
    }),
    answer: z.object({ decided: z.int() }),
    detail: ({ decision, manufacturerIds }) =>
      `${decision} ${manufacturerIds === 'all' ? 'all that wait' : manufacturerIds.join(', ')}`,
    count: ({ decided }) => decided,
    async call({ registry: { approvals } }, { decision, manufacturerIds }) {
      const decided =
        manufacturerIds === 'all'
          ? await approvals.decideAll(decision, new Date())
          : await approvals.decide(manufacturerIds, decision, new Date())
      return { decided: decided.length }
    },
  }),
}

function textOfImport(registry: Registry, id: number): AllowListText {
  const known = textUnderWay.get(registry)
  if (known?.import === id) return known.text
  const text = new AllowListText((rows) => registry.allowList.addRows(id, rows))
  textUnderWay.set(registry, { import: id, text })
  return text
}

async function listEntries(
  registry: Registry,
  request: { limit: number; after?: string; only?: 'missing' | 'arrived' },
): Promise<z.input<typeof entryPage>> {
  const entries: z.input<typeof entryAnswer>[] = []
  let { after } = request
  for (let looked = 0; looked < MAX_ROWS_LOOKED_AT; looked += MAX_ROWS_PER_PAGE) {
    const from = after === undefined ? {} : { after }
    const rows = await registry.allowList.list({ limit: MAX_ROWS_PER_PAGE, ...from })
    for (const row of rows) {
      after = row.manufacturerId
      const entry = described(registry, row)
      const wanted = request.only === undefined || (entry.deviceId === undefined) === (request.only === 'missing')
      if (wanted && entries.push(entry) === request.limit) return { entries, next: after }
    }
    if (rows.length < MAX_ROWS_PER_PAGE) return { entries }
  }
  return after === undefined ? { entries } : { entries, next: after }
}

function described(registry: Registry, { manufacturerId, tags, note }: AllowListEntry): z.input<typeof entryAnswer> {
  const deviceId = registry.deviceIdOf(manufacturerId)
  return { manufacturerId, tags, note, ...(deviceId === undefined ? {} : { deviceId }) }
}
