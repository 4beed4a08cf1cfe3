import type { Command } from 'commander'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import { importCertificate, type ImportOptions } from './certificate-import.ts'
import { oneLine, pemOf, textOf } from './certificate-texts.ts'
import { ExitCode, usageError } from './failure.ts'
import { collect, examples } from './help.ts'
import { fields } from './output.ts'
import { parseLimitOf } from './parse-limit.ts'
import type { SelfSignedOptions } from './self-signed.ts'
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

  certificate
    .command('self-signed')
    .description('make a certificate, and an authority that devices trust it by, or sign with the one that is there')
    .option(
      '--host <name>',
      'a name or address that devices use; may be given more than once (default: this machine)',
      collect,
    )
    .option('--days <number>', 'how long it is valid', parseLimitOf(MOST_DAYS), DEFAULT_DAYS)
    .option('--out <folder>', 'where to (default: tls in the data folder)')
    .option('--force', 'put it in the place of the certificate that is there; the authority stays')
    .addHelpText(
      'after',
      examples(
        'mooring cert self-signed --host broker.example --host 192.0.2.7',
        'mooring cert self-signed --host broker.example --force',
      ),
    )
    .action((options: SelfSignedOptions, command: Command) =>
      run(command, async (session) => {
        // What makes certificates takes a fifth of a second to load.
        const { makeCertificate } = await import('./self-signed.ts')
        await makeCertificate(session, options)
      }),
    )

  certificate
    .command('import')
    .argument('<certificate>', 'PEM: the certificate, followed by its intermediate ones')
    .argument('<key>', 'PEM: its private key')
    .description('check a certificate and its key, put them where the TLS listeners take them, and have them read')
    .option('--out <folder>', 'where to when nothing is configured (default: tls in the data folder)')
    .addHelpText('after', examples('mooring cert import fullchain.pem privkey.pem'))
    .action((cert: string, key: string, options: ImportOptions, command: Command) =>
      run(command, (session) => importCertificate(session, { cert, key }, options)),
    )

  certificate
    .command('reload')
    .description('have the running server read its certificate again now; it looks every ten seconds by itself')
    .action((_options: unknown, command: Command) => run(command, reloadCertificate))
}

/** What browsers and phones accept at most of an authority that was put into them. */
const DEFAULT_DAYS = 825
const MOST_DAYS = 3650

async function reloadCertificate(session: Session): Promise<void> {
  const operator = await session.needServer('The certificate is read when a server starts: mooring serve')
  const loaded = await operator.reloadCertificate()
  session.output.answer(
    loaded,
    () => `new connections get the certificate of ${loaded.subject}, until ${loaded.notAfter}`,
  )
}

async function showCertificate(session: Session, given: string | undefined): Promise<number> {
  const { tls } = given === undefined ? session.loadConfig().config : { tls: { cert: given, key: undefined } }
  if (tls.cert === undefined) throw usageError('no certificate is configured: tls.cert and tls.key', 'Or name a file.')
  const file = resolve(session.context.cwd, tls.cert)
  const certificate = pemOf(file, (text) => new X509Certificate(text), await textOf(file))
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

async function belongs(certificate: X509Certificate, file: string): Promise<boolean> {
  return certificate.checkPrivateKey(pemOf(file, createPrivateKey, await textOf(file)))
}
