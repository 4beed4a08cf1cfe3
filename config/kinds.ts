import { z } from 'zod'
import { MIN_PASSWORD_CHARACTERS, MIN_SIGNING_SECRET_BYTES, Secret, topicProblem } from '../registry/index.ts'
import { parseListenAddress } from './listen-address.ts'
import { DURATION, SIZE, formatDuration, parseDuration, parseSize } from './units.ts'

/** What the documentation, the problems and `config show` need to know about a setting beside its type. */
export interface SettingFacts {
  readonly kind: 'address' | 'path' | 'secret' | 'text' | 'choice' | 'count' | 'size' | 'duration'
  readonly description: string
  /** Shown where there is no default, in the example file. */
  readonly example?: string
}

export const settingFacts = z.registry<SettingFacts>()

// The kinds of settings. Every message begins with what is expected; whoever reports it adds what was found.

/** Keeps `facts` with the schema, and its description where JSON Schema looks for it. */
function described<T extends z.ZodType>(schema: T, facts: SettingFacts): T {
  const own = schema.meta({ description: facts.description })
  settingFacts.add(own, facts)
  return own
}

/** A text or number that `parse` turns into a value, or refuses by a RangeError. */
function parsedBy<Input, Value>(input: z.ZodType<Input, Input>, parse: (given: Input) => Value) {
  return input.transform((given, context) => {
    try {
      return parse(given)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      context.issues.push({ code: 'custom', message: error.message, input: given })
      return z.NEVER
    }
  })
}

export function address(description: string) {
  const input = z.string({ error: 'expected host:port such as 127.0.0.1:1883, or off' })
  return described(parsedBy(input, parseListenAddress), { kind: 'address', description })
}

export function path(description: string, example?: string) {
  return described(
    parsedBy(z.string({ error: 'expected a path' }), (given) => {
      if (given === '') throw new RangeError('expected a path, found nothing')
      if (/\p{Cc}/u.test(given)) throw new RangeError('expected a path, found a control character or a second line')
      if (given.startsWith('~')) throw new RangeError('expected a whole path: only a shell knows what ~ stands for')
      return given
    }),
    { kind: 'path', description, ...(example !== undefined && { example }) },
  )
}

export function secret(description: string) {
  return described(
    parsedBy(z.string({ error: 'expected text; put it in quotes' }), (given) => {
      const bytes = Buffer.byteLength(given)
      if (bytes < MIN_SIGNING_SECRET_BYTES) {
        throw new RangeError(`expected at least ${MIN_SIGNING_SECRET_BYTES} bytes, found ${bytes}`)
      }
      return new Secret(given)
    }),
    { kind: 'secret', description },
  )
}

export function accountPassword(description: string) {
  return described(
    parsedBy(z.string({ error: 'expected text; put it in quotes' }), (given) => {
      if (given.length < MIN_PASSWORD_CHARACTERS) {
        throw new RangeError(`expected at least ${MIN_PASSWORD_CHARACTERS} characters, found ${given.length}`)
      }
      return new Secret(given)
    }),
    { kind: 'secret', description },
  )
}

export function text(description: string, example?: string) {
  return described(
    parsedBy(z.string({ error: 'expected text; put it in quotes' }), (given) => {
      if (given.trim() !== given || given === '') throw new RangeError('expected text without blanks around it')
      if (given.length > 255 || /\p{Cc}/u.test(given)) {
        throw new RangeError('expected at most 255 characters on one line')
      }
      return given
    }),
    { kind: 'text', description, ...(example !== undefined && { example }) },
  )
}

/** Plain `http` would show the decision, and let others make it, to everyone on the way. */
export function webhookUrl(description: string, example: string) {
  return described(
    parsedBy(z.string({ error: 'expected an https URL' }), (given) => {
      if (!URL.canParse(given)) throw new RangeError('expected a URL such as https://erp.example.com/may-register')
      const { protocol, hostname, username, password } = new URL(given)
      const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
      if (protocol !== 'https:' && !(protocol === 'http:' && isLocal)) {
        throw new RangeError('expected https; http is for 127.0.0.1, [::1] and localhost')
      }
      if (username !== '' || password !== '') throw new RangeError('expected a URL without a user name or password')
      return given
    }),
    { kind: 'text', description, example },
  )
}

export function topicRoot(description: string) {
  return described(
    parsedBy(z.string({ error: 'expected text; put it in quotes' }), (given) => {
      const problem = topicProblem(given)
      if (problem !== undefined) throw new RangeError(`expected the beginning of a topic; this one ${problem}`)
      if (given.startsWith('$')) throw new RangeError('expected no leading $: such topics belong to the broker')
      if (given.split('/').includes('')) throw new RangeError('expected levels with names, and no / at either end')
      if (given.length > 200 || /\p{Cc}/u.test(given)) {
        throw new RangeError('expected at most 200 characters on one line')
      }
      return given
    }),
    { kind: 'text', description },
  )
}

export function choice<const Words extends readonly [string, ...string[]]>(words: Words, description: string) {
  return described(z.enum(words, { error: `expected ${words.join(' or ')}` }), {
    kind: 'choice',
    description: `${description} One of: ${words.map((word) => `\`${word}\``).join(', ')}.`,
  })
}

export function count(description: string, most = 10_000_000, least = 1) {
  const error = `expected a whole number from ${least} to ${most}`
  // In each part too: of a part that nearly fits, zod would say what it thinks itself.
  const digits = z.string().regex(/^\d{1,8}$/, { error })
  const number = z.union([z.int({ error }).min(least, { error }).max(most, { error }), digits], { error })
  return described(
    parsedBy(number, (given) => {
      const value = Number(given)
      if (value < least || value > most) throw new RangeError(error)
      return value
    }),
    { kind: 'count', description },
  )
}

/** @param most - as a rule what the remaining length of MQTT can say [MQTT-2.2.3]. */
export function size(description: string, least: number, most = 268_435_455) {
  const error = 'expected a size in bytes, such as 4096, 16KiB or 1MiB'
  const input = z.union([z.int({ error }).min(0, { error }), z.string().regex(SIZE, { error })], { error })
  return described(
    parsedBy(input, (given) => {
      const bytes = parseSize(given)
      if (bytes < least || bytes > most) throw new RangeError(`expected a size from ${least} to ${most} bytes`)
      return bytes
    }),
    { kind: 'size', description },
  )
}

export function duration(description: string, leastMs: number, most = '1h') {
  const input = z.string({ error: 'expected a duration with its unit, such as 500ms, 10s or 5m' })
  return described(
    parsedBy(
      input.regex(DURATION, { error: 'expected a duration with its unit, such as 500ms, 10s or 5m' }),
      (given) => {
        const ms = parseDuration(given)
        if (ms < leastMs || ms > parseDuration(most)) {
          throw new RangeError(`expected a duration from ${formatDuration(leastMs)} to ${most}`)
        }
        return ms
      },
    ),
    { kind: 'duration', description },
  )
}
