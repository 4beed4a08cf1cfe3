import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** PEM texts, and the files that hold them for programs that want paths. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  /** The authority that signed `cert`. */
  readonly ca: string
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
}

let made: Promise<Certificate> | undefined

/** A certificate for localhost, 127.0.0.1 and ::1 by an authority of its own; made once in each process. */
export function aCertificate(): Promise<Certificate> {
  made ??= make()
  return made
}

/** One that nobody has seen before. */
export const anotherCertificate = (): Promise<Certificate> => make()

async function make(): Promise<Certificate> {
  const authority = await generate([{ name: 'commonName', value: 'Mooring test authority' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  })
  const folder = mkdtempSync(join(tmpdir(), 'mooring-certificate-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  return {
    cert: server.cert,
    key: server.private,
    ca: authority.cert,
    certFile: file('server.pem', server.cert),
    keyFile: file('server.key', server.private),
    caFile: file('ca.pem', authority.cert),
  }
}
