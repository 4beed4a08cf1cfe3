import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/**
 * For `{ skip: needsDebian(…) }`: false when the package is there, else the reason that the test report shows.
 *
 * In CI everything is installed, so a missing package is not skipped there: the test runs, and fails.
 *
 * @param probe - a file of the package (absolute path), or a command line that succeeds when it is installed.
 */
export function needsDebian(packageName: string, probe: string): string | false {
  if (process.env['CI'] || isThere(probe)) return false
  return `needs the Debian package ${packageName}: apt install ${packageName}`
}

function isThere(probe: string): boolean {
  if (probe.startsWith('/') && !probe.includes(' ')) return existsSync(probe)
  return spawnSync('/bin/sh', ['-c', probe], { stdio: 'ignore' }).status === 0
}

export const needsMosquitto = (): string | false => needsDebian('mosquitto', '/usr/sbin/mosquitto')
export const needsMosquittoClients = (): string | false => needsDebian('mosquitto-clients', '/usr/bin/mosquitto_pub')
export const needsPaho = (): string | false =>
  needsDebian('python3-paho-mqtt', "/usr/bin/python3 -c 'import paho.mqtt.client'")

/** Everything `firmware-sample/c` is built with. */
export const needsCToolchain = (): string | false =>
  needsDebian('gcc', 'command -v gcc') ||
  needsDebian('make', 'command -v make') ||
  needsDebian('libmosquitto-dev', '/usr/include/mosquitto.h') ||
  needsDebian('libcurl4-openssl-dev', 'ls /usr/include/*/curl/curl.h /usr/include/curl/curl.h 2>/dev/null | grep -q .')
