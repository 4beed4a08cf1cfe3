import { createHash, randomBytes } from 'node:crypto'
import { Secret } from '../secret.ts'

/** Too many to be guessed at any speed, so one pass of a fast hash protects what is stored of them. */
const RANDOM_BYTES = 32

/** A text that only its holder knows, and means something to nobody else. */
export const mintOpaque = (prefix = ''): Secret => new Secret(prefix + randomBytes(RANDOM_BYTES).toString('base64url'))

/** What is kept of it, and what it is looked up by. */
export const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url')
