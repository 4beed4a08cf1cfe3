import type { Command } from 'commander'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { systemCode } from '../storage/index.ts'
import { CliError, ExitCode, usageError } from './failure.ts'
import { examples } from './help.ts'
import { fields } from './output.ts'
import type { Run, Session } from './session.ts'

export function addCertificateCommands(program: Command, run: Run): void {
  const certificate = program.command('cert').alias('certs').description('the certificate of the TLS listeners')

  certificate
    .command('show')
    .argument('[file]', 'a certificate in PEM (default: the one of the configuration, with its key)')
    .description('say for which names a certificate is, until when, and whether its key belongs to it')
    .addHelpText('after', examples('mooring cert show', 'mooring cert show /etc/mooring/cert.pem'))
    .action((file: string | undefined, _options: unknown, command: Command) =>
      run(command, (session) => showCertificate(session, file)),
    )
}

async function showCertificate(session: Session, given: string | undefined): Promise<number> {
  const { tls } = given === undefined ? session.loadConfig().config : { tls: { cert: given, key: undefined } }
  if (tls.cert === undefined) throw usageError('no certificate is configured: tls.cert and tls.key', 'Or name a file.')
  const file = resolve(session.context.cwd, tls.cert)
  const certificate = read(file, (text) => new X509Certificate(text), await textOf(file))
  const ofKey = tls.key === undefined ? undefined : await belongs(certificate, resolve(session.context.cwd, tls.key))
  const { subject, subjectAltName = '', issuer, validFrom, validTo, fingerprint256 } = certificate
  const now = Date.now()
  const isValid = Date.parse(validFrom) <= now && now < Date.parse(validTo)
  const answer = {
    file,
    subject: oneLine(subject),
    names: subjectAltName,
    issuer: oneLine(issuer),
    validFrom: new Date(validFrom).toISOString(),
    validTo: new Date(validTo).toISOString(),
    isValid,
    fingerprint256,
    ...(ofKey === undefined ? {} : { keyBelongs: ofKey }),
  }
  session.output.answer(answer, () =>
    fields([
      ['file', file],
      ['for', answer.names === '' ? answer.subject : answer.names],
      ['issued by', answer.issuer],
      ['valid', `${answer.validFrom} to ${answer.validTo}${isValid ? '' : ': not now'}`],
      ['SHA-256', fingerprint256],
      ...(ofKey === undefined ? [] : [['key', ofKey ? 'belongs to it' : 'belongs to another one'] as const]),
    ]),
  )
  return isValid && ofKey !== false ? ExitCode.ok : ExitCode.failure
}

const oneLine = (name: string): string => name.replaceAll('\n', ', ')

async function belongs(certificate: X509Certificate, file: string): Promise<boolean> {
  return certificate.checkPrivateKey(read(file, createPrivateKey, await textOf(file)))
}

async function textOf(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((cause: unknown) => {
    throw usageError(`${file} cannot be read: ${systemCode(cause) ?? 'it is no file'}`)
  })
}

/** What OpenSSL says of it may quote it. */
function read<T>(file: string, parse: (text: string) => T, text: string): T {
  try {
    return parse(text)
  } catch (cause) {
    throw new CliError(ExitCode.failure, 'ERR_CERTIFICATE_INVALID', `${file} is not what it should be, in PEM`, {
      cause,
    })
  }
}
