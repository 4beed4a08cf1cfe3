import { isIP } from 'node:net'
import { stateOf, type Device } from '../device.ts'
import type { LoginThrottle } from '../login-throttle.ts'
import type { RegistryStore } from '../store.ts'
import type { JournalEntry } from './entry.ts'
import {
  connectFinding,
  clockFinding,
  cloneFinding,
  registrationFinding,
  tlsFinding,
  type Finding,
} from './findings.ts'
import type { Journal } from './journal.ts'
import type { Sighting, Whereabouts } from './whereabouts.ts'

export interface LastConnect {
  readonly at: string
  readonly address: string
  readonly transport: string
  readonly accepted: boolean
  readonly code?: string
  readonly reason?: string
}

/** Why something cannot get in, as far as it can be seen from here. */
export interface Explanation {
  readonly subject: string
  readonly device?: Device
  readonly findings: readonly Finding[]
  readonly lastConnect?: LastConnect
  readonly lastRegistration?: JournalEntry
  readonly lastTlsFailure?: JournalEntry
  /** ISO 8601, UTC. */
  readonly throttledUntil?: string
  /** What the journal has about it, newest first. */
  readonly entries: readonly JournalEntry[]
}

export interface ExplanationParts {
  readonly journal: Pick<Journal, 'list'>
  readonly store: Pick<RegistryStore, 'findDevice' | 'findDeviceId' | 'findDeviceKey'>
  readonly throttle: Pick<LoginThrottle, 'waitMs'>
  readonly whereabouts: Pick<Whereabouts, 'of'>
  readonly now: () => Date
}

const MAX_ENTRIES = 50
/** Each looks at 50,000 entries at most. */
const MAX_PAGES = 6
/** A device that roams has many. */
const MAX_ADDRESSES = 10

/** Answers for a device ID, a manufacturer ID, an access key or an address. */
export async function explain(subject: string, parts: ExplanationParts): Promise<Explanation> {
  const { store, throttle, whereabouts } = parts
  const now = parts.now()
  const device = store.findDevice(subject) ?? store.findDevice(store.findDeviceId(subject) ?? '')
  const accessKey = device === undefined ? subject : store.findDeviceKey(device.id)?.accessKey
  const seen = device === undefined ? undefined : whereabouts.of(device.id)

  const names = [subject, device?.id, device?.manufacturerId, accessKey].filter((name) => name !== undefined)
  const entries = await about(parts.journal, names)
  const lastRegistration = entries.find(({ kind }) => kind === 'registration' || kind === 'return')
  const lastTlsFailure = await tlsFailureOf(subject, seen, entries, parts.journal)
  const lastConnect = lastConnectOf(seen, entries)
  const waitMs = accessKey === undefined ? 0 : throttle.waitMs(accessKey)
  const guessesWaitUntil = waitMs > 0 ? new Date(now.getTime() + waitMs).toISOString() : undefined
  const retryAt = lastRegistration?.retryAt
  const registersAgainAt = retryAt !== undefined && Date.parse(retryAt) > now.getTime() ? retryAt : undefined
  const throttledUntil = guessesWaitUntil ?? registersAgainAt

  const findings = [
    identityFinding(subject, device),
    ...(guessesWaitUntil === undefined ? [] : [guessingFinding(guessesWaitUntil)]),
    ...(registersAgainAt === undefined ? [] : [waitingFinding(registersAgainAt)]),
    quarantineFinding(device),
    connectFinding(lastConnect),
    registrationFinding(lastRegistration, device),
    tlsFinding(lastTlsFailure, lastConnect),
    clockFinding(lastRegistration, lastTlsFailure, now),
    cloneFinding(entries.find(({ kind }) => kind === 'clone')),
  ].filter((finding) => finding !== undefined)
  return {
    subject,
    ...(device === undefined ? {} : { device }),
    findings,
    ...(lastConnect === undefined ? {} : { lastConnect }),
    ...(lastRegistration === undefined ? {} : { lastRegistration }),
    ...(lastTlsFailure === undefined ? {} : { lastTlsFailure }),
    ...(throttledUntil === undefined ? {} : { throttledUntil }),
    entries,
  }
}

async function about(journal: Pick<Journal, 'list'>, names: readonly string[]): Promise<JournalEntry[]> {
  const found: JournalEntry[] = []
  let before: number | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const limit = MAX_ENTRIES - found.length
    const { entries, next } = await journal.list({ limit, before, filter: { about: names } })
    found.push(...entries)
    if (next === undefined || found.length === MAX_ENTRIES) break
    before = next
  }
  return found
}

/** A handshake that failed has no name but its address, so the addresses of the device stand for it. */
async function tlsFailureOf(
  subject: string,
  seen: Readonly<Sighting> | undefined,
  entries: readonly JournalEntry[],
  journal: Pick<Journal, 'list'>,
): Promise<JournalEntry | undefined> {
  const own = entries.flatMap(({ kind, address }) => (kind === 'operation' || address === undefined ? [] : address))
  const addresses = [...new Set([...(seen === undefined ? [] : [seen.address]), ...own])].slice(0, MAX_ADDRESSES)
  if (addresses.length === 0 || isIP(subject) !== 0) return entries.find(({ kind }) => kind === 'tls')
  const { entries: failures } = await journal.list({ limit: 1, filter: { kind: 'tls', about: addresses } })
  return failures[0]
}

function lastConnectOf(
  seen: Readonly<Sighting> | undefined,
  entries: readonly JournalEntry[],
): LastConnect | undefined {
  // One to the admin API is no CONNECT.
  const refused = entries.find(({ kind, caller }) => kind === 'login' && caller === undefined)
  const acceptedAt = seen?.loggedIn === true ? new Date(seen.at).toISOString() : undefined
  if (seen !== undefined && acceptedAt !== undefined && (refused === undefined || refused.at < acceptedAt)) {
    return { at: acceptedAt, address: seen.address, transport: seen.transport, accepted: true }
  }
  if (refused === undefined) return undefined
  const { at, address = '', transport = '', code, reason } = refused
  return {
    at,
    address,
    transport,
    accepted: false,
    ...(code === undefined ? {} : { code }),
    ...(reason === undefined ? {} : { reason }),
  }
}

function identityFinding(subject: string, device: Device | undefined): Finding {
  if (device?.disabled === true) {
    const text = 'The device is disabled: its logins are refused until an operator enables it.'
    return { check: 'device', verdict: 'blocks', text }
  }
  if (device !== undefined) {
    const text = `Registered on ${device.registeredAt} as ${device.id}, manufacturer ID ${device.manufacturerId}.`
    return { check: 'device', verdict: 'fine', text, at: device.registeredAt }
  }
  if (isIP(subject) !== 0) return { check: 'device', verdict: 'fine', text: 'This is an address.' }
  const text = 'No device has this ID or manufacturer ID: it has not registered, or was deleted.'
  return { check: 'device', verdict: 'blocks', text }
}

const guessingFinding = (until: string): Finding => ({
  check: 'throttle',
  verdict: 'warns',
  text: `Wrong secrets were tried with its access key; the next try waits until ${until}.`,
  at: until,
})

const waitingFinding = (until: string): Finding => ({
  check: 'throttle',
  verdict: 'warns',
  text: `It was told to come again for its registration; it need not before ${until}.`,
  at: until,
})

function quarantineFinding(device: Device | undefined): Finding | undefined {
  if (device === undefined || stateOf(device) !== 'quarantined') return undefined
  const text = 'The device is quarantined: it may log in and hear its commands; whatever else it asks for is refused.'
  return { check: 'quarantine', verdict: 'warns', text }
}
