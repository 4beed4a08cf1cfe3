import { InvalidArgumentError, Option, type Command } from 'commander'
import { COMING_BACK, REGISTRATION_MODES, type TokenTerms } from '../registry/index.ts'
import { collect } from './help.ts'
import { parseTag } from './tags.ts'

/** What a token permits, as it is given on the command line. */
export interface TermsOptions {
  readonly maxRegistrations?: number
  readonly perHour?: number
  readonly match?: readonly string[]
  readonly network?: readonly string[]
  readonly recipe?: string
  readonly tag?: readonly string[]
  readonly mode?: (typeof REGISTRATION_MODES)[number]
  readonly comingBack?: (typeof COMING_BACK)[number]
}

export const addTermsOptions = (command: Command): Command =>
  command
    .option('--max-registrations <number>', 'how many devices it makes at most', parseCount)
    .option('--per-hour <number>', 'how many within an hour', parseCount)
    .option('--match <glob>', 'for manufacturer IDs like this only (* and ?); may be given more than once', collect)
    .option('--network <cidr>', 'from this network only; may be given more than once', collect)
    .option('--recipe <name>', 'what its devices start with')
    .option('--tag <key=value>', 'a further tag of its devices; may be given more than once', collect)
    .addOption(new Option('--mode <mode>', 'who may register, beside holding it').choices(REGISTRATION_MODES))
    .addOption(new Option('--coming-back <policy>', 'whether its devices may register again').choices(COMING_BACK))

export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number from 1 to 999999999.')
}

export function termsOf(options: TermsOptions): TokenTerms {
  const { maxRegistrations, perHour, match, network, recipe, tag, mode, comingBack } = options
  return {
    ...(maxRegistrations === undefined ? {} : { maxRegistrations }),
    ...(perHour === undefined ? {} : { registrationsPerHour: perHour }),
    ...(match === undefined ? {} : { manufacturerIds: [...match] }),
    ...(network === undefined ? {} : { networks: [...network] }),
    ...(recipe === undefined ? {} : { recipe }),
    ...(tag === undefined ? {} : { tags: tag.map((pair) => parseTag(pair)) }),
    ...(mode === undefined ? {} : { mode }),
    ...(comingBack === undefined ? {} : { comingBack }),
  }
}
