import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as IssuedCertificate,
  X509CertificateGenerator,
  type JsonName,
} from '@peculiar/x509'
import { createPrivateKey, KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { domainToASCII } from 'node:url'
import { systemCode } from '../storage/index.ts'
import { howToConfigure } from './certificate-import.ts'
import { placeFiles, tlsFolder, type PlacedFile } from './certificate-place.ts'
import { certificateInvalid, pemOf } from './certificate-texts.ts'
import { CliError, ExitCode, usageError } from './failure.ts'
import { fields, printable } from './output.ts'
import type { Session } from './session.ts'

export interface SelfSignedOptions {
  readonly host?: readonly string[]
  readonly days: number
  readonly out?: string
  readonly force?: true
}

/** What microcontrollers can check quickly, and every TLS library knows. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
/** Clocks of devices are behind. */
const BACKDATED_MS = DAY_MS

const { subtle } = webcrypto

interface Authority {
  readonly cert: X509Certificate
  readonly key: webcrypto.CryptoKey
  /** What is to be written when it is new. */
  readonly files: readonly PlacedFile[]
}

/**
 * Devices are given the certificate of the authority, so that they need nothing new when the one of the server is
 * replaced: it is signed by the same authority as long as that lies in the folder.
 */
export async function makeCertificate(session: Session, options: SelfSignedOptions): Promise<void> {
  const config = session.configBeforeCertificate()
  const hosts = (options.host ?? [hostname(), 'localhost', '127.0.0.1', '::1']).map(hostOf)
  const folder = options.out === undefined ? tlsFolder(config) : resolve(session.context.cwd, options.out)
  const at = (name: string): string => join(folder, name)
  const before = await textAt(at('cert.pem'))
  if ((before ?? (await textAt(at('key.pem')))) !== undefined && options.force !== true) {
    throw new CliError(ExitCode.conflict, 'ERR_CONFLICT', `there is a certificate in ${folder} already`, {
      hint: 'Add --force to put another in its place. The authority stays, so devices need nothing new.',
    })
  }

  const now = Date.now()
  const authority = (await authorityIn(folder, now)) ?? (await newAuthority(folder, now))
  const { cert, key, notAfter } = await signedFor(hosts, authority, now, options.days)
  await placeFiles([
    ...authority.files,
    { path: at('key.pem'), text: key, isPublic: false },
    { path: at('cert.pem'), text: cert, isPublic: true },
  ])

  const answer = {
    cert: at('cert.pem'),
    key: at('key.pem'),
    ca: at('ca.pem'),
    names: hosts,
    validTo: notAfter.toISOString(),
    isNewAuthority: authority.files.length > 0,
    caFingerprint256: authority.cert.fingerprint256,
  }
  session.output.answer(answer, () =>
    fields([
      ['certificate', answer.cert],
      ['key', answer.key],
      ['for', hosts.join(' ')],
      ['valid to', answer.validTo],
      ['authority', `${answer.ca}${answer.isNewAuthority ? '' : '   (as before)'}`],
      ['SHA-256', answer.caFingerprint256],
    ]),
  )
  session.output.note('Devices trust it by ca.pem. Keep ca.key where no device and no visitor gets at it.')
  if (config.tls.cert === undefined) session.output.note(howToConfigure(answer.cert, answer.key))
  else if (config.tls.cert === answer.cert) session.output.note('A server that runs shows it within ten seconds.')
  else session.output.note(`Next: mooring cert import ${printable(answer.cert)} ${printable(answer.key)}`)
}

/** @throws {CliError} for what no certificate can be for. */
function hostOf(text: string): string {
  if (isIP(text) > 0) return text
  const name = domainToASCII(text).toLowerCase()
  const labels = name.replace(/^\*\./, '').split('.')
  const isName = labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?$/.test(label))
  if (isName && name.length <= 253) return name
  throw usageError(`--host ${JSON.stringify(text)} is neither a host name nor an IP address`)
}

async function textAt(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw new CliError(ExitCode.failure, 'ERR_FAILED', `${path} cannot be read: ${systemCode(cause)}`, { cause })
  })
}

/** The one that is there. @throws {CliError} when it cannot sign: a device would not trust what another one signs. */
async function authorityIn(folder: string, now: number): Promise<Authority | undefined> {
  const [certFile, keyFile] = [join(folder, 'ca.pem'), join(folder, 'ca.key')]
  const [certText, keyText] = [await textAt(certFile), await textAt(keyFile)]
  if (certText === undefined && keyText === undefined) return undefined
  const way = 'Name another folder for a new authority (--out), which devices must then be told of.'
  if (certText === undefined || keyText === undefined) {
    throw certificateInvalid(`${certText === undefined ? certFile : keyFile} is missing beside the other half`, way)
  }
  const cert = pemOf(certFile, (text) => new X509Certificate(text), certText)
  const key = pemOf(keyFile, createPrivateKey, keyText)
  if (!cert.ca || !cert.checkPrivateKey(key)) throw certificateInvalid(`${keyFile} is not the key of ${certFile}`, way)
  if (Date.parse(cert.validTo) <= now) throw certificateInvalid(`${certFile} has expired: ${cert.validTo}`, way)
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw certificateInvalid(`${keyFile} is no key of P-256`, way)
  }
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  return { cert, key: await subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']), files: [] }
}

async function newAuthority(folder: string, now: number): Promise<Authority> {
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const made = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: nameOf(`Mooring authority ${randomBytes(4).toString('hex')}`),
      notBefore: new Date(now - BACKDATED_MS),
      notAfter: new Date(now + AUTHORITY_DAYS * DAY_MS),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  const cert = made.toString('pem')
  return {
    cert: new X509Certificate(cert),
    key: keys.privateKey,
    files: [
      { path: join(folder, 'ca.key'), text: pemOfKey(keys.privateKey), isPublic: false },
      { path: join(folder, 'ca.pem'), text: `${cert}\n`, isPublic: true },
    ],
  }
}

async function signedFor(hosts: readonly string[], authority: Authority, now: number, days: number) {
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  // Never longer than what vouches for it.
  const notAfter = new Date(Math.min(now + days * DAY_MS, Date.parse(authority.cert.validTo)))
  const { subjectName, publicKey } = new IssuedCertificate(authority.cert.raw)
  const made = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: nameOf(hosts[0] ?? 'localhost'),
      // Byte for byte, in whatever alphabet it is written.
      issuer: subjectName,
      notBefore: new Date(now - BACKDATED_MS),
      notAfter,
      publicKey: keys.publicKey,
      signingKey: authority.key,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          hosts.map((host) => ({ type: isIP(host) > 0 ? ('ip' as const) : ('dns' as const), value: host })),
        ),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await AuthorityKeyIdentifierExtension.create(publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  // The authority itself goes with it, for whoever looks at what the server shows.
  return { cert: `${made.toString('pem')}\n${authority.cert.toString()}`, key: pemOfKey(keys.privateKey), notAfter }
}

/** A common name has at most 64 characters; clients look at the alternative names. Source: RFC 5280, A.1, §4.2.1.6. */
const nameOf = (text: string): JsonName => [{ CN: [text.slice(0, 64)] }]

/** Positive, and more than 64 random bits. Source: CA/Browser Forum Baseline Requirements §7.1. */
const serialNumber = (): string => `01${randomBytes(15).toString('hex')}`

const pemOfKey = (key: webcrypto.CryptoKey): string =>
  KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString()
