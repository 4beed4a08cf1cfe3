import { formatListenAddress, isLoopback, parseListenAddress, type ListenAddress } from '../config.ts'

export const LISTENERS = ['mqtt', 'mqtts', 'http', 'https', 'admin'] as const

/** The listeners of a server by their names in the configuration. Absent is off. */
export type Addresses = { readonly [listener in (typeof LISTENERS)[number]]?: ListenAddress | undefined }

/** As {@link ServerStatus} carries them. */
export function addressTexts(addresses: Addresses): Record<string, string> {
  return Object.fromEntries(
    LISTENERS.flatMap((name) => (addresses[name] === undefined ? [] : [[name, formatListenAddress(addresses[name])]])),
  )
}

export function parseAddresses(texts: Readonly<Record<string, string>>): Addresses {
  return Object.fromEntries(
    LISTENERS.flatMap((name) => (texts[name] === undefined ? [] : [[name, parseListenAddress(texts[name])]])),
  )
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

export interface DeviceUrls {
  /** Where a device registers; undefined when neither http nor https listens. */
  readonly url: string | undefined
  /** Where it connects afterwards; undefined when neither mqtt nor mqtts listens. */
  readonly mqtt: string | undefined
  /** Whether one of them is good on this machine only. */
  readonly localOnly: boolean
}

/** What a token says when nobody said where devices find this server: the encrypted listener where there is one. */
export function deviceUrls(addresses: Addresses): DeviceUrls {
  const http = addresses.https ?? addresses.http
  const mqtt = addresses.mqtts ?? addresses.mqtt
  const hosts = [http, mqtt].flatMap((address) => (address === undefined ? [] : [address.host]))
  return {
    url: http && `${addresses.https ? 'https' : 'http'}://${reachable(http)}/api/register-device`,
    mqtt: mqtt && `${addresses.mqtts ? 'mqtts' : 'mqtt'}://${reachable(mqtt)}`,
    localOnly: hosts.some((host) => isLoopback(host) || isWildcard(host)),
  }
}

/** "Every address of this machine" is none that a device could be sent to. */
function reachable({ host, port }: ListenAddress): string {
  if (host === '0.0.0.0') return formatListenAddress({ host: '127.0.0.1', port })
  if (host === '::') return formatListenAddress({ host: '::1', port })
  return formatListenAddress({ host, port })
}
