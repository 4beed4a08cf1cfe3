import { z } from 'zod'
import { CHECKS, JOURNAL_KINDS, JOURNAL_RESULTS, type Registry } from '../../registry/index.ts'
import { deviceAnswer } from './device-schemas.ts'
import { operation } from './operation.ts'

export const MAX_ENTRIES_PER_PAGE = 1000

const journalEntry = z
  .object({
    seq: z.int().meta({ description: 'From 1, without gaps.' }),
    at: z.iso.datetime(),
    kind: z.enum(JOURNAL_KINDS),
    result: z.enum(JOURNAL_RESULTS),
    code: z.string().exactOptional(),
    reason: z.string().exactOptional().meta({ description: 'Which check failed.' }),
    deviceId: z.string().exactOptional(),
    manufacturerId: z.string().exactOptional(),
    clientId: z.string().exactOptional(),
    accessKey: z.string().exactOptional(),
    tokenId: z.string().exactOptional(),
    tokenTimes: z
      .object({
        iat: z.number().exactOptional(),
        nbf: z.number().exactOptional(),
        exp: z.number().exactOptional(),
      })
      .readonly()
      .exactOptional(),
    address: z.string().exactOptional(),
    otherAddress: z.string().exactOptional(),
    transport: z.string().exactOptional(),
    latencyMs: z.number().exactOptional(),
    caller: z
      .object({ kind: z.string(), name: z.string().exactOptional(), address: z.string().exactOptional() })
      .readonly()
      .exactOptional(),
    operation: z.string().exactOptional(),
    target: z.string().exactOptional(),
    retryAt: z.iso
      .datetime()
      .exactOptional()
      .meta({ description: 'When the next try may succeed, as whoever was refused was told.' }),
    detail: z
      .string()
      .exactOptional()
      .meta({ description: 'Of an operation: what was asked, beside what it is about.' }),
    count: z.int().exactOptional().meta({ description: 'How many this one entry tells of; absent for one.' }),
    since: z.iso.datetime().exactOptional().meta({ description: 'When the first of them happened.' }),
    hash: z.string(),
  })
  .readonly()
  .meta({ id: 'JournalEntry' })

const link = z.object({ seq: z.int(), hash: z.string() }).readonly()

const finding = z
  .object({
    check: z.enum(CHECKS),
    verdict: z.enum(['blocks', 'warns', 'fine']),
    text: z.string(),
    at: z.iso.datetime().exactOptional(),
  })
  .readonly()

const time = z.iso.datetime().exactOptional()

export const journalOperations = {
  listJournal: operation({
    summary: 'List what happened: registrations, returns, refused logins and handshakes, operations, suspected clones.',
    route: { method: 'GET', path: '/journal' },
    role: 'viewer',
    request: z.strictObject({
      limit: z.int().min(1).max(MAX_ENTRIES_PER_PAGE).default(100),
      before: z.int().positive().exactOptional().meta({ description: 'Entries before this one, newest first.' }),
      after: z.int().min(0).exactOptional().meta({ description: 'Entries after this one, oldest first.' }),
      kind: z.enum(JOURNAL_KINDS).exactOptional(),
      result: z.enum(JOURNAL_RESULTS).exactOptional(),
      device: z.string().exactOptional().meta({ description: 'The device ID or the manufacturer ID.' }),
      manufacturerId: z.string().exactOptional(),
      address: z.string().exactOptional(),
      token: z.string().exactOptional().meta({ description: 'The ID of a registration token.' }),
      since: time,
      until: time,
    }),
    answer: z.object({
      entries: z.array(journalEntry).readonly(),
      next: z.int().exactOptional().meta({
        description:
          'Where to go on: pass it as `before`, or as `after` when that was given. A page may hold fewer entries than were asked for, or none, and have more behind it.',
      }),
    }),
    async call({ registry }, { limit, before, after, device, token, ...filter }) {
      const about = device === undefined ? undefined : namesOf(registry, device)
      return await registry.journal.list({ limit, before, after, filter: { ...filter, about, tokenId: token } })
    },
  }),

  verifyJournal: operation({
    summary: 'Check that no entry of the journal was changed, put in or taken out.',
    route: { method: 'POST', path: '/journal/verify' },
    role: 'viewer',
    request: z.strictObject({
      expected: link.exactOptional().meta({ description: 'An entry that was noted elsewhere.' }),
    }),
    answer: z
      .object({
        whole: z.boolean(),
        problem: z.string().exactOptional(),
        checked: z.int().meta({ description: 'How many entries were checked and found right.' }),
        head: link.meta({ description: 'The last entry.' }),
        anchor: link.meta({ description: 'The last entry that was removed because of its age or for want of room.' }),
      })
      .meta({ id: 'JournalVerdict' }),
    call: ({ registry }, { expected }) => registry.journal.verify(expected),
  }),

  explain: operation({
    summary: 'Say why a device, a manufacturer ID or an address cannot get in.',
    route: { method: 'GET', path: '/explain/{subject}' },
    role: 'viewer',
    request: z.strictObject({
      subject: z.string().min(1).meta({ description: 'A device ID, a manufacturer ID, an access key or an address.' }),
    }),
    answer: z
      .object({
        subject: z.string(),
        device: deviceAnswer.exactOptional(),
        findings: z.array(finding).readonly(),
        lastConnect: z
          .object({
            at: z.iso.datetime(),
            address: z.string(),
            transport: z.string(),
            accepted: z.boolean(),
            code: z.string().exactOptional(),
            reason: z.string().exactOptional(),
          })
          .readonly()
          .exactOptional(),
        lastRegistration: journalEntry.exactOptional(),
        lastTlsFailure: journalEntry.exactOptional(),
        throttledUntil: time,
        entries: z.array(journalEntry).readonly(),
      })
      .meta({ id: 'Explanation' }),
    call: ({ registry }, { subject }) => registry.explain(subject),
  }),
}

/** One that was deleted has left its names in the journal all the same. */
function namesOf(registry: Registry, device: string): string[] {
  try {
    const { id, manufacturerId } = registry.devices.get(device)
    return [id, manufacturerId]
  } catch {
    return [device]
  }
}
