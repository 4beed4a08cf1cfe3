import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { newPath } from '../bench.ts'
import { startChild } from '../children.ts'
import { runCommand } from '../command.ts'
import { findMosquitto } from '../machine.ts'
import type { Broker, BrokerPlace } from './broker.ts'

/**
 * Debian's mosquitto with a password file, an ACL and no log.
 *
 * @param store - a folder where it keeps its sessions: it writes them when it ends and reads them when it starts.
 * @returns undefined where it is not installed.
 */
export async function startMosquitto(place: BrokerPlace, store?: string): Promise<Broker | undefined> {
  const mosquitto = findMosquitto()
  if (mosquitto === undefined) return undefined
  const { folder, core } = place
  const mqttPort = await freePort()
  const configuration = newPath(folder, 'mosquitto.conf')
  writeFileSync(
    configuration,
    [
      `listener ${mqttPort} 127.0.0.1`,
      // It would become another user, who may not read the folder of the run.
      `user ${userInfo().username}`,
      'allow_anonymous false',
      `password_file ${await writePasswords(place)}`,
      `acl_file ${writeRules(place)}`,
      'set_tcp_nodelay true',
      'max_queued_messages 0',
      'log_dest none',
      ...(store === undefined ? [] : ['persistence true', `persistence_location ${store}/`]),
      '',
    ].join('\n'),
  )
  const logFile = newPath(folder, 'mosquitto.log')
  const child = startChild({ command: mosquitto, args: ['-c', configuration], logFile, cores: [core] })
  try {
    let serves = false
    const looking = untilServing(mqttPort).then(() => (serves = true))
    await child.waitFor(() => (serves ? true : undefined))
    await looking
    return { name: 'mosquitto', pid: child.pid, mqttPort, stop: () => child.stop() }
  } catch (error) {
    await child.stop()
    throw error
  }
}

/** As mosquitto_passwd hashes them: PBKDF2-SHA512, 101 rounds in version 2.0. */
async function writePasswords({ folder, devices, services }: BrokerPlace): Promise<string> {
  const path = newPath(folder, 'mosquitto.passwords')
  const users = new Map([...readLines(devices), ...readLines(services)].map(([, user, password]) => [user, password]))
  writeFileSync(path, [...users].map(([user, password]) => `${user}:${password}\n`).join(''), { mode: 0o600 })
  await runCommand('mosquitto_passwd', ['-U', path])
  return path
}

/** What Mooring's ACL says: a device reaches what is below its own ID, the service key everything under the root. */
function writeRules({ folder, services }: BrokerPlace): string {
  const path = newPath(folder, 'mosquitto.acl')
  const user = readLines(services)[0]?.[1] ?? ''
  writeFileSync(path, `user ${user}\ntopic readwrite losant/#\n\npattern readwrite losant/%c/#\n`, { mode: 0o600 })
  return path
}

const readLines = (path: string): string[][] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** It says nothing when it serves, so it is asked. */
async function untilServing(port: number): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    const socket = connect(port, '127.0.0.1')
    const answered = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (answered) return
    await delay(10)
  }
}
