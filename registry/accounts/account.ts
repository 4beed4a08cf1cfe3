import { Secret } from '../secret.ts'
import { RegistryError } from '../errors.ts'

/** What somebody may do, each more than the one before. */
export const ROLES = ['viewer', 'operator', 'admin'] as const

export type Role = (typeof ROLES)[number]

/** Whether one role is enough where another is asked for. */
export const includesRole = (held: Role, asked: Role): boolean => ROLES.indexOf(held) >= ROLES.indexOf(asked)

/** A person who administers Mooring over HTTP. */
export interface Account {
  readonly name: string
  readonly role: Role
  /** PHC string. */
  readonly passwordHash: string
  /** ISO 8601, UTC. */
  readonly createdAt: string
  readonly passwordChangedAt: string
}

/** Source: NIST SP 800-63B §5.1.1.2, which asks for eight, and for no rules about kinds of characters. */
export const MIN_PASSWORD_CHARACTERS = 12
/** Longer ones would only be work for the hash. */
const MAX_PASSWORD_BYTES = 1024

/** @throws {RegistryError} `ERR_INPUT_INVALID` when it is no name of an account or of an API token. */
export function checkName(what: string, name: string): void {
  if (/^[\w.@-]{1,64}$/.test(name)) return
  throw new RegistryError('ERR_INPUT_INVALID', `${what} needs a name of 1–64 letters, digits, ".", "_", "@" or "-".`)
}

/** @throws {RegistryError} `ERR_INPUT_INVALID`. */
export function chosenPassword(text: string): Secret {
  if (text.length < MIN_PASSWORD_CHARACTERS) {
    throw new RegistryError('ERR_INPUT_INVALID', `A password needs at least ${MIN_PASSWORD_CHARACTERS} characters.`)
  }
  if (Buffer.byteLength(text) > MAX_PASSWORD_BYTES) {
    throw new RegistryError('ERR_INPUT_INVALID', `A password has at most ${MAX_PASSWORD_BYTES} bytes.`)
  }
  return new Secret(text)
}
