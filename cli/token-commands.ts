import type { Command } from 'commander'
import type { TokenVerdict } from '../admin/index.ts'
import { deviceUrls, parseAddresses } from './addresses.ts'
import { parseExpires } from './durations.ts'
import { ExitCode, usageError } from './failure.ts'
import { collect, examples } from './help.ts'
import { addLeakCommand } from './leak-command.ts'
import { printable, printableLines, type Output } from './output.ts'
import type { Run, Session } from './session.ts'
import { describeTimes, inspectToken, tokenText } from './token-inspect.ts'
import { addTermsOptions, termsOf, type TermsOptions } from './token-options.ts'
import { addTokenRecordCommands } from './token-record-commands.ts'

/** Claims that Mooring sets or checks itself. Source: docs/contract.md §2; RFC 7519 §4.1. */
const RESERVED_CLAIMS = new Set(['url', 'mqtt', 'iss', 'iat', 'exp', 'nbf', 'jti'])

export function addTokenCommands(program: Command, run: Run): void {
  const token = program
    .command('token')
    .alias('tokens')
    .description('registration tokens: what is flashed into every device')

  addTermsOptions(token.command('create'))
    .description('print a registration token, and keep what it permits')
    .option('--name <name>', 'what it is called: letters, digits, ".", "_" and "-" (default: its ID)')
    .option('--url <url>', 'where devices register (default: from the listeners)')
    .option('--mqtt-url <url>', 'where they connect afterwards (default: from the listeners)')
    .option('--expires <duration>', 'lifetime, such as 90d or 12h (default: it never expires)')
    .option('--claim <key=value>', 'a further claim; may be given more than once', collect)
    .addHelpText(
      'after',
      examples(
        'mooring token create > token.jwt',
        'mooring token create --url https://broker.example/api/register-device --mqtt-url mqtts://broker.example:8883',
        'mooring token create --expires 90d --claim line=3',
        'mooring token create --name line-3 --max-registrations 500 --match "A1-*" --coming-back until-first-use',
      ),
    )
    .action((options: CreateOptions, command: Command) => run(command, (session) => createToken(session, options)))

  addTokenRecordCommands(token, run)

  token
    .command('verify')
    .argument('<token>', 'the token, or - to read it from stdin')
    .description('print a decoded token, or why it is refused')
    .addHelpText('after', examples('mooring token verify eyJhbGciOi…', 'mooring token verify - < token.jwt'))
    .action((text: string, _options: unknown, command: Command) =>
      run(command, (session) => verifyToken(session, text)),
    )

  token
    .command('inspect')
    .argument('<token>', 'the token, or - to read it from stdin')
    .description('print what a token says, without checking anything')
    .addHelpText('after', examples('mooring token inspect - < token.jwt'))
    .action((text: string, _options: unknown, command: Command) =>
      run(command, (session) => inspectToken(session, text)),
    )

  addLeakCommand(token, run)
}

interface CreateOptions extends TermsOptions {
  readonly name?: string
  readonly url?: string
  readonly mqttUrl?: string
  readonly expires?: string
  readonly claim?: readonly string[]
}

async function createToken(session: Session, options: CreateOptions): Promise<void> {
  const { output } = session
  const url = checkedUrl('--url', options.url, ['http:', 'https:'])
  const mqtt = checkedUrl('--mqtt-url', options.mqttUrl, ['mqtt:', 'mqtts:', 'ws:', 'wss:'])
  const extra = parseClaims(options.claim ?? [])
  const expiresInSeconds = options.expires === undefined ? undefined : parseExpires(options.expires)

  const { answer, guessed } = await session.withOperator(async (operator, { config, running }) => {
    // The server may have been started with flags that this command was not given.
    const addresses = running ? parseAddresses((await operator.status()).listeners) : config.listen
    const own = deviceUrls(addresses)
    const token = await operator.createToken({
      url: url ?? needed(own.url, '--url', 'http or https'),
      mqtt: mqtt ?? needed(own.mqtt, '--mqtt-url', 'mqtt or mqtts'),
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
      ...termsOf(options),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    })
    return { answer: token, guessed: own.localOnly && (url === undefined || mqtt === undefined) }
  })
  output.answer(answer, () => answer.token)
  if (guessed) noteLocalOnly(output, answer.payload)
}

function noteLocalOnly(output: Output, payload: { readonly [claim: string]: unknown }): void {
  output.note(
    `note: the token leads devices to ${String(payload['url'])} and ${String(payload['mqtt'])}.\n` +
      '      For devices elsewhere, say how they reach this machine:\n' +
      '      mooring token create --url http://HOST:8080/api/register-device --mqtt-url mqtt://HOST:1883',
  )
}

function needed(url: string | undefined, flag: string, listener: string): string {
  if (url !== undefined) return url
  throw usageError(`${flag} is needed: no ${listener} listener is on that it could be taken from`)
}

function checkedUrl(flag: string, text: string | undefined, protocols: readonly string[]): string | undefined {
  if (text === undefined) return undefined
  if (URL.canParse(text) && protocols.includes(new URL(text).protocol) && new URL(text).hostname !== '') return text
  throw usageError(
    `${flag} ${JSON.stringify(text)} is not a URL that begins with ${protocols.map((name) => `${name}//`).join(' or ')}`,
  )
}

function parseClaims(pairs: readonly string[]): Record<string, string> {
  const claims = new Map<string, string>()
  for (const pair of pairs) {
    const [key, value] = splitOnce(pair)
    if (key === '' || value === undefined)
      throw usageError(`--claim ${JSON.stringify(pair)} is not of the form key=value`)
    if (RESERVED_CLAIMS.has(key)) throw usageError(`--claim ${key}: Mooring sets this claim itself`)
    if (claims.has(key)) throw usageError(`--claim ${key} is given twice`)
    claims.set(key, value)
  }
  return Object.fromEntries(claims)
}

function splitOnce(pair: string): [key: string, value: string | undefined] {
  const at = pair.indexOf('=')
  return at === -1 ? [pair, undefined] : [pair.slice(0, at), pair.slice(at + 1)]
}

async function verifyToken(session: Session, given: string): Promise<number> {
  const token = await tokenText(session, given)
  const verdict = await session.withOperator((operator) => operator.verifyToken({ token }))
  session.output.answer(verdict, () => describe(verdict))
  return verdict.accepted ? ExitCode.ok : ExitCode.refused
}

function describe(verdict: TokenVerdict): string {
  if (!verdict.accepted) return `refused: ${printable(verdict.reason)}`
  const { header, payload } = verdict
  return [
    'accepted',
    '',
    printableLines(JSON.stringify(header, null, 2)),
    printableLines(JSON.stringify(payload, null, 2)),
    '',
    describeTimes(payload),
  ].join('\n')
}
