import type { Device } from '../device.ts'
import type { JournalEntry } from './entry.ts'
import type { LastConnect } from './explain.ts'

export const CHECKS = ['device', 'quarantine', 'throttle', 'connect', 'registration', 'tls', 'clock', 'clone'] as const

/** What one check has shown. `blocks`: it alone keeps the subject out. */
export interface Finding {
  readonly check: (typeof CHECKS)[number]
  readonly verdict: 'blocks' | 'warns' | 'fine'
  readonly text: string
  /** ISO 8601, UTC. */
  readonly at?: string
}

export function connectFinding(last: LastConnect | undefined): Finding {
  if (last === undefined) {
    const text = 'No CONNECT is known since the server started, and the journal has none that was refused.'
    return { check: 'connect', verdict: 'warns', text }
  }
  const { at, address, transport, accepted, code = 'refused', reason = '' } = last
  const from = `from ${address} over ${transport}`
  if (accepted) return { check: 'connect', verdict: 'fine', text: `The last CONNECT, ${from}, was accepted.`, at }
  const why = reason === '' ? code : `${reason} (${code})`
  return { check: 'connect', verdict: 'blocks', text: `The last CONNECT, ${from}, was refused: ${why}.`, at }
}

/** What helps against each refusal; the code alone speaks for the others. */
const REGISTRATION_ADVICE: Readonly<Record<string, string>> = {
  ERR_DEVICE_ALREADY_REGISTERED:
    'it is registered already. If it lost its credentials: mooring device readmit; or rotate its secret and flash the new one',
  ERR_REGISTRATION_TOKEN_INVALID: 'its registration token does not hold',
  ERR_TOKEN_REVOKED: 'its registration token was revoked; give it another one',
  ERR_TOKEN_EXHAUSTED: 'the registrations of its token are used up: mooring token limit gives it more',
  ERR_TOKEN_NOT_FOR_DEVICE: 'its registration token is for other manufacturer IDs, or for other networks',
  ERR_RATE_LIMITED: 'it, or devices with its token, register too often; it may try again',
  ERR_NOT_IN_ALLOW_LIST: 'its manufacturer ID is not expected: mooring allow add',
  ERR_APPROVAL_PENDING: 'it waits for an operator: mooring approval list',
  ERR_REGISTRATION_REFUSED: 'an operator or the webhook refused it',
  ERR_ADMISSION_UNDECIDED: 'the webhook could not be asked; it may try again',
  ERR_MANUFACTURER_ID_MISSING: 'it sent no manufacturer ID, or one that cannot be used',
  ERR_BUSY: 'the server was overloaded; it may try again',
  ERR_STORE_UNAVAILABLE: 'the store could not be written; it may try again',
}

export function registrationFinding(last: JournalEntry | undefined, device: Device | undefined): Finding | undefined {
  if (last === undefined) return undefined
  const { at, address = 'an unknown address', kind, result, code = '', reason } = last
  if (kind === 'return') {
    const text = `It came back from ${address} (${reason}), and has other credentials since.`
    return { check: 'registration', verdict: 'fine', text, at }
  }
  if (result === 'accepted') {
    return { check: 'registration', verdict: 'fine', text: `It registered from ${address}.`, at }
  }
  const advice = REGISTRATION_ADVICE[code] ?? code
  const detail = reason === undefined ? '' : ` (${reason})`
  // A device that has its credentials needs no second registration.
  const verdict = device === undefined ? 'blocks' : 'warns'
  return {
    check: 'registration',
    verdict,
    text: `Its registration from ${address} was refused: ${advice}${detail}.`,
    at,
  }
}

/** What OpenSSL says, and what it means. Source: RFC 8446 §6.2; OpenSSL ERR_reason_error_string. */
const TLS_MEANINGS: readonly (readonly [said: RegExp, meaning: string])[] = [
  [/alert certificate expired/i, 'it takes our certificate for expired: its clock is wrong, or the certificate is old'],
  [/alert unknown ca/i, 'it does not trust the authority that signed our certificate'],
  [
    /alert (bad certificate|certificate unknown)/i,
    'it does not accept our certificate: wrong name, authority or clock',
  ],
  [/http request/i, 'it speaks plain HTTP to a TLS port'],
  [/wrong version number|packet length too long|record layer failure/i, 'it does not speak TLS to a TLS port'],
  [/unsupported protocol|alert protocol version|version too low/i, 'it speaks a version of TLS older than 1.2'],
  [/no shared cipher|alert handshake failure/i, 'it has no cipher or curve in common with us'],
  [/hang up|reset|disconnected/i, 'it hung up: it may not accept our certificate, and did not say so'],
]

export const tlsMeaning = (reason: string): string =>
  TLS_MEANINGS.find(([said]) => said.test(reason))?.[1] ?? 'the handshake failed'

export function tlsFinding(last: JournalEntry | undefined, connect: LastConnect | undefined): Finding | undefined {
  if (last === undefined) return undefined
  const { at, address = '', reason = '' } = last
  const isOver = connect?.accepted === true && connect.at > at
  const text = `The last TLS handshake that failed from ${address}: ${tlsMeaning(reason)} (${reason}).`
  return { check: 'tls', verdict: isOver ? 'fine' : 'blocks', text, at }
}

const told = (text: string, at: string | undefined): Finding => ({
  check: 'clock',
  verdict: 'warns',
  text,
  ...(at === undefined ? {} : { at }),
})

/** As for tokens: devices without a battery-backed clock are never quite right. */
const LEEWAY_SECONDS = 60

export function clockFinding(
  registration: JournalEntry | undefined,
  tls: JournalEntry | undefined,
  now: Date,
): Finding | undefined {
  const { tokenTimes: { iat, nbf, exp } = {}, at } = registration ?? {}
  const seconds = now.getTime() / 1000
  const starts = Math.max(iat ?? -Infinity, nbf ?? -Infinity)
  if (starts > seconds + LEEWAY_SECONDS) {
    const text = `Its registration token begins ${span(starts - seconds)} from now: the clock of this server is behind, or that of the one that issued it ahead.`
    return told(text, at)
  }
  if (exp !== undefined && exp < seconds - LEEWAY_SECONDS) {
    return told(`Its registration token expired ${span(seconds - exp)} ago, by the clock of this server.`, at)
  }
  if (tls?.reason !== undefined && /alert certificate expired/i.test(tls.reason)) {
    return told('It takes our certificate for expired, so its clock may be wrong.', tls.at)
  }
  return undefined
}

export function cloneFinding(last: JournalEntry | undefined): Finding | undefined {
  if (last === undefined) return undefined
  const { at, address = '', otherAddress = '', reason = '' } = last
  const where = address === otherAddress ? `from ${address}` : `from ${address} and ${otherAddress}`
  const text = `There may be two of it, ${where}: ${reason}.`
  return { check: 'clone', verdict: 'warns', text, at }
}

/** In the largest unit that is not 0. */
function span(seconds: number): string {
  const units: readonly (readonly [name: string, seconds: number])[] = [
    ['days', 86_400],
    ['hours', 3_600],
    ['minutes', 60],
  ]
  const [name, size] = units.find(([, unit]) => seconds >= 2 * unit) ?? ['seconds', 1]
  return `${Math.round(seconds / size)} ${name}`
}
