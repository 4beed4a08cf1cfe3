import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { ConfigError } from './config.ts'
import type { Log } from './registry/index.ts'

/** PEM, chain first. */
export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Where a certificate and its key are, by settings. */
export interface CertificatePaths {
  readonly cert: string
  readonly key: string
}

/** How soon a certificate that was renewed is noticed without being told. */
const LOOK_EVERY_MS = 10_000

/**
 * The certificate of the TLS listeners. Read again when asked and when its files have changed; one that cannot be used
 * changes nothing. Whoever is connected stays so, since only new handshakes look at it.
 */
export class CertificateFiles {
  readonly #paths: CertificatePaths
  readonly #log: Log
  readonly #users: ((certificate: Certificate) => void)[] = []
  #current: Certificate
  /** What the files looked like before they were last read. */
  #seen: string
  #timer: NodeJS.Timeout | undefined

  private constructor(paths: CertificatePaths, log: Log, first: { certificate: Certificate; seen: string }) {
    this.#paths = paths
    this.#log = log
    this.#current = first.certificate
    this.#seen = first.seen
  }

  /** @throws {ConfigError} when a file cannot be read. Whether the two belong together says the listener, by its name. */
  static async open(paths: CertificatePaths, log: Log): Promise<CertificateFiles> {
    return new CertificateFiles(paths, log, { seen: await looksOf(paths), certificate: await read(paths) })
  }

  get current(): Certificate {
    return this.#current
  }

  /** `use` gets every certificate from the next on. */
  onChange(use: (certificate: Certificate) => void): void {
    this.#users.push(use)
  }

  /** @returns whether new connections get what the files hold now; the log says why not. */
  async reload(): Promise<boolean> {
    try {
      this.#seen = await looksOf(this.#paths)
      const certificate = await read(this.#paths)
      // For all listeners or for none.
      createSecureContext(certificate)
      for (const use of this.#users) use(certificate)
      this.#current = certificate
      this.#log.info(
        { event: 'certificate-loaded', file: this.#paths.cert },
        'New connections get the new certificate.',
      )
      return true
    } catch (error) {
      this.#log.error(
        { event: 'certificate-refused', file: this.#paths.cert, error },
        'The certificate cannot be used; the one before stays in use.',
      )
      return false
    }
  }

  /** Reloads whenever the files have changed, until `close`. */
  watch(everyMs: number = LOOK_EVERY_MS): void {
    this.#timer = setInterval(() => {
      this.#lookAgain().catch((error: unknown) =>
        this.#log.error({ event: 'bug', error }, 'A look at the certificate failed.'),
      )
    }, everyMs)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #lookAgain(): Promise<void> {
    if ((await looksOf(this.#paths)) !== this.#seen) await this.reload()
  }
}

/** Changes with the files: also when a link leads to others, as certbot's do, or when one is missing for a moment. */
async function looksOf({ cert, key }: CertificatePaths): Promise<string> {
  const looks = await Promise.all(
    [cert, key].map((path) =>
      stat(path, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs }) => `${dev} ${ino} ${size} ${mtimeNs}`,
        () => 'missing',
      ),
    ),
  )
  return looks.join(', ')
}

const read = async ({ cert, key }: CertificatePaths): Promise<Certificate> => ({
  cert: await readPem('tls.cert', cert),
  key: await readPem('tls.key', key),
})

async function readPem(setting: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError([`${setting}: ${path} cannot be read: ${reason}`])
  }
}
