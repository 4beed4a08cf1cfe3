import { X509Certificate } from 'node:crypto'

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * When the first certificate of a PEM chain expires, in seconds since 1970: from then on clients refuse all of it.
 *
 * @returns undefined when it cannot be read, about which the listener that shows it has more to say.
 */
export function expiryOf(pem: string | Buffer): number | undefined {
  const chain = pem.toString().match(PEM_CERTIFICATE)
  if (chain === null) return undefined
  try {
    return Math.min(...chain.map((one) => Date.parse(new X509Certificate(one).validTo) / 1000))
  } catch {
    return undefined
  }
}
