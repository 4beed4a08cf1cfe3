import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { join, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { RegistryError } from '../registry/index.ts'
import { placeFiles, tlsFolder } from './certificate-place.ts'
import { certificateInvalid, oneLine, pemOf, textOf } from './certificate-texts.ts'
import { fields, printableLines } from './output.ts'
import type { Session } from './session.ts'

export interface ImportOptions {
  readonly out?: string
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g

export async function importCertificate(
  session: Session,
  given: { cert: string; key: string },
  { out }: ImportOptions,
): Promise<void> {
  const { cwd } = session.context
  const config = session.configBeforeCertificate()
  const from = { cert: resolve(cwd, given.cert), key: resolve(cwd, given.key) }
  const texts = { cert: await textOf(from.cert), key: await textOf(from.key) }
  const [certificate] = checkedChain(from, texts)

  const folder = out === undefined ? tlsFolder(config) : resolve(cwd, out)
  const { cert = join(folder, 'cert.pem'), key = join(folder, 'key.pem') } = out === undefined ? config.tls : {}
  // The key first: a server that looks in between has to find a pair that it refuses, and never a new certificate alone.
  await placeFiles([
    { path: key, text: texts.key, isPublic: false },
    { path: cert, text: texts.cert, isPublic: true },
  ])
  const isConfigured = config.tls.cert === cert && config.tls.key === key
  const isLoaded = isConfigured && (await reloaded(session))
  const answer = {
    cert,
    key,
    names: certificate.subjectAltName ?? oneLine(certificate.subject),
    validTo: new Date(certificate.validTo).toISOString(),
    isConfigured,
    isLoaded,
  }
  session.output.answer(answer, () =>
    fields([
      ['certificate', cert],
      ['key', key],
      ['for', answer.names],
      ['valid to', answer.validTo],
    ]),
  )
  if (isLoaded) session.output.note('The running server shows it to new connections from now on.')
  else session.output.note(isConfigured ? 'It is read when the server starts.' : howToConfigure(cert, key))
}

/** The lines that are missing where the configuration comes from. */
export const howToConfigure = (cert: string, key: string): string =>
  printableLines(
    `Next, in mooring.yaml:\n  tls:\n    cert: ${JSON.stringify(cert)}\n    key: ${JSON.stringify(key)}\n` +
      '  listen:\n    mqtts: 0.0.0.0:8883\n    https: 0.0.0.0:8443\nThen: mooring serve',
  )

/** @returns whether a server runs and has it. What it says against it is an error of the command. */
async function reloaded(session: Session): Promise<boolean> {
  const operator = await session.connect(session.configBeforeCertificate())
  if (operator === undefined) return false
  try {
    await operator.reloadCertificate()
    return true
  } catch (error) {
    // It runs without a TLS listener, or with other files.
    if (error instanceof RegistryError && error.code === 'ERR_CONFLICT') return false
    throw error
  }
}

type Chain = [X509Certificate, ...X509Certificate[]]

/**
 * The certificates of the file, in an order that clients can follow, with the key that belongs to the first.
 *
 * @throws {CliError} `ERR_CERTIFICATE_INVALID`, which says what is wrong.
 */
export function checkedChain(from: { cert: string; key: string }, texts: { cert: string; key: string }): Chain {
  const chain = (texts.cert.match(PEM_CERTIFICATE) ?? []).map((text) =>
    pemOf(from.cert, (pem) => new X509Certificate(pem), text),
  )
  const [first, ...rest] = chain
  if (first === undefined) throw certificateInvalid(`${from.cert} holds no certificate in PEM`)
  const key = keyOf(from.key, texts.key)
  if (!first.checkPrivateKey(key)) {
    const isLater = rest.some((one) => one.checkPrivateKey(key))
    throw isLater
      ? certificateInvalid(
          `${from.cert} does not begin with the certificate of the server`,
          'The certificate that belongs to the key comes first, then the one that signed it, and so on.',
        )
      : certificateInvalid(`${from.key} does not belong to ${from.cert}`)
  }
  for (const one of chain) checkTimes(one)
  checkOrder(chain)
  pemOf(from.cert, () => createSecureContext(texts), '')
  return [first, ...rest]
}

function keyOf(file: string, text: string): KeyObject {
  if (/-----BEGIN (?:ENCRYPTED|[A-Z ]*PRIVATE KEY-----\s+Proc-Type: 4,ENCRYPTED)/.test(text)) {
    throw certificateInvalid(
      `${file} is encrypted, and nobody types its passphrase when a server starts`,
      `Decrypt it: openssl pkey -in ${file} -out key.pem`,
    )
  }
  return pemOf(file, createPrivateKey, text)
}

function checkTimes(certificate: X509Certificate): void {
  const { subject, validFrom, validTo } = certificate
  const now = Date.now()
  if (Date.parse(validTo) <= now) throw certificateInvalid(`${oneLine(subject)} has expired: ${validTo}`)
  if (Date.parse(validFrom) > now) throw certificateInvalid(`${oneLine(subject)} is not valid yet: from ${validFrom}`)
}

/** Source: RFC 5246 §7.4.2: each certificate certifies the one before it. */
function checkOrder(chain: readonly X509Certificate[]): void {
  for (const [index, one] of chain.entries()) {
    const issuer = chain[index + 1]
    if (issuer === undefined || (one.checkIssued(issuer) && one.verify(issuer.publicKey))) continue
    throw certificateInvalid(
      `${oneLine(one.subject)} was not signed by ${oneLine(issuer.subject)}, which follows it`,
      'The certificate of the server comes first, then the one that signed it, and so on.',
    )
  }
}
