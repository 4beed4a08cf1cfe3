// A device: registers itself once, then reports its state over MQTT and prints the commands it is sent.
// Every device runs this same file with the same TOKEN; only the manufacturer ID differs. Copy it and make it yours.
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'

const { env } = process

// What a device is told at the factory. Edit these two, or set the environment.
const TOKEN = env.TOKEN ?? 'paste the output of `mooring token create` here'
const MANUFACTURER_ID = env.MANUFACTURER_ID ?? 'the serial number of this device'

const CREDENTIALS_FILE = env.CREDENTIALS_FILE ?? join(import.meta.dirname, 'credentials.json')
const REQUEST_TIMEOUT_MS = milliseconds('REQUEST_TIMEOUT_MS', 15_000)
const BACKOFF_BASE_MS = milliseconds('BACKOFF_BASE_MS', 1_000)
const BACKOFF_MAX_MS = milliseconds('BACKOFF_MAX_MS', 60_000)
const STATE_INTERVAL_MS = milliseconds('STATE_INTERVAL_MS', 5_000)
const STOP_TIMEOUT_MS = 2_000
const LONGEST_RETRY_AFTER_MS = 3_600_000
const CREDENTIALS_BYTES = 1024

/** Trying again will not help: a person has to do something. */
class GiveUp extends Error {}

// The first signal stops cleanly; a second one ends the process at once, because the handlers are gone by then.
const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort())

try {
  const told = decode(TOKEN)
  const broker = brokerUrl(told)
  const credentials = readCredentials() ?? (await register(told.url))
  if (!stop.signal.aborted) await run(broker, credentials)
} catch (error) {
  // A bug keeps its stack; everything foreseen is a sentence.
  process.stderr.write(`${error instanceof GiveUp ? error.message : error.stack}\n`)
  process.exitCode = 1
}

/** The token is signed, not encrypted: its payload says where to register (`url`) and where to connect (`mqtt`). */
function decode(token) {
  let payload
  try {
    payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  } catch {
    throw new GiveUp('TOKEN is not a registration token. Make one with: mooring token create')
  }
  if (!/^https?:$/.test(parseUrl(payload?.url)?.protocol)) {
    throw new GiveUp('TOKEN does not say where to register: it has no "url" with http:// or https://')
  }
  return payload
}

function brokerUrl({ url, mqtt: claim }) {
  const address = env.MQTT_URL ?? claim ?? `mqtts://${new URL(url).hostname}:8883`
  if (!/^(mqtts?|wss?):$/.test(parseUrl(address)?.protocol)) {
    throw new GiveUp(`${address} is no broker address: expected mqtt://, mqtts://, ws:// or wss://`)
  }
  return address
}

/** @returns what an earlier run saved, or undefined when this is the first one. */
function readCredentials() {
  if (!existsSync(CREDENTIALS_FILE)) return undefined
  const credentials = parseCredentials(readFileSync(CREDENTIALS_FILE, 'utf8'))
  // Registering again would be refused, and would hide that something damages this device's files.
  if (!credentials) {
    throw new GiveUp(
      `${CREDENTIALS_FILE} is damaged. Restore it, or delete the device on the server and then this file to register anew.`,
    )
  }
  return credentials
}

function parseCredentials(text) {
  try {
    const credentials = JSON.parse(text)
    const names = ['deviceId', 'accessKey', 'accessSecret']
    return names.every((name) => credentials[name] && typeof credentials[name] === 'string') ? credentials : undefined
  } catch {
    return undefined
  }
}

/** @returns the credentials, saved before anything else happens; undefined when told to stop first. */
async function register(url) {
  log(`no saved credentials; registering ${MANUFACTURER_ID} with ${url}`)
  const place = reserveCredentialsFile()
  let answer
  try {
    answer = await askUntilAnswered(url)
  } finally {
    if (!answer) rmSync(place.path)
  }
  if (!answer) return undefined
  saveCredentials(place, answer)
  const credentials = parseCredentials(answer)
  log(`registered ${MANUFACTURER_ID} as ${credentials.deviceId}; credentials saved to ${CREDENTIALS_FILE}`)
  return credentials
}

/** @returns the body of a 200 with credentials; undefined when told to stop. Any other final answer ends the program. */
async function askUntilAnswered(url) {
  for (let attempt = 0; !stop.signal.aborted; attempt++) {
    const { status, body, retryAfterMs = 0, problem } = await ask(url)
    if (status === 200 && parseCredentials(body)) return body
    if (status === 200) throw new GiveUp('the server answered 200 without credentials')
    const mayBeLater = problem || status === 429 || status >= 500 || (status === 403 && isRetryable(body))
    if (!mayBeLater) throw new GiveUp(`registration refused (${status}): ${body}`)
    const waitMs = retryAfterMs + backoff(attempt)
    log(`registration failed (${problem ?? status}); trying again in ${waitMs} ms`)
    await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => {})
  }
  return undefined
}

/** A device that waits for somebody's approval is told so. */
function isRetryable(body) {
  try {
    return JSON.parse(body).retryable === true
  } catch {
    return false
  }
}

/**
 * One request. A stop signal does not abort it: the server may have made the device already, and its secret is
 * shown once. Redirects are not followed: the token goes where the token says and nowhere else.
 */
async function ask(url) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token: TOKEN, manufacturerId: MANUFACTURER_ID }),
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'))
    return { status: response.status, body: await response.text(), retryAfterMs }
  } catch (error) {
    return { problem: error.cause?.code ?? error.message }
  }
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3). */
function parseRetryAfter(value) {
  if (!value) return 0
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Math.min(Math.max(ms || 0, 0), LONGEST_RETRY_AFTER_MS)
}

/** Exponential back-off with full jitter, so that a factory that lost its power does not come back in one instant. */
function backoff(attempt) {
  return 1 + Math.floor(Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** attempt))
}

/**
 * The secret is shown once. A read-only or full disk must show itself before the device registers, not after:
 * so the file is made, and filled, first.
 */
function reserveCredentialsFile() {
  const path = `${CREDENTIALS_FILE}.tmp`
  try {
    rmSync(path, { force: true })
    const file = openSync(path, 'wx', 0o600)
    writeSync(file, ' '.repeat(CREDENTIALS_BYTES))
    fsyncSync(file)
    return { path, file }
  } catch (error) {
    throw new GiveUp(`cannot write ${path} (${error.code}); not registering, because the credentials could not be kept`)
  }
}

/** Whole or not at all, also when the power goes: content first, then the name, then the folder that holds the name. */
function saveCredentials({ path, file }, text) {
  ftruncateSync(file, writeSync(file, text, 0))
  fsyncSync(file)
  closeSync(file)
  renameSync(path, CREDENTIALS_FILE)
  const folder = openSync(dirname(CREDENTIALS_FILE), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** Connects, stays connected, reports and obeys until told to stop. */
async function run(url, { deviceId, accessKey, accessSecret }) {
  const commandTopic = `losant/${deviceId}/command`
  const stateTopic = `losant/${deviceId}/state`
  let failures = 0

  log(`connecting to ${url}`)
  const client = mqtt.connect(url, {
    clientId: deviceId,
    username: accessKey,
    password: accessSecret,
    protocolVersion: 4,
    clean: true,
    connectTimeout: REQUEST_TIMEOUT_MS,
    // NODE_EXTRA_CA_CERTS does the same for the broker and the registration endpoint together.
    ...(env.MQTT_CA && { ca: readFileSync(env.MQTT_CA) }),
    // A disabled device keeps trying, ever more slowly: it comes back by itself when it is enabled again.
    reconnectOnConnackError: true,
    reconnectPeriod: backoff(0),
    resubscribe: false,
  })

  client.on('connect', () => {
    log('connected')
    client.subscribe(commandTopic)
    report()
  })
  client.on('message', (_topic, message) => log(`command ${message.toString()}`))
  client.on('error', (error) => log(`connection failed: ${error.message || error.code}`))
  client.on('offline', () => log('offline'))
  // mqtt.js waits the same time before every attempt; this makes it back off.
  client.on('reconnect', () => {
    log(`connecting to ${url}`)
    client.options.reconnectPeriod = backoff(++failures)
  })

  const timer = setInterval(report, STATE_INTERVAL_MS)

  function report() {
    // What could not be sent is not queued: when the connection is back, a new reading is worth more than an old one.
    if (!client.connected) return
    const state = JSON.stringify({ data: readSensors() })
    client.publish(stateTopic, state, { qos: 1 }, (error) => {
      if (error) return
      // Only now did the connection prove itself; being let in and thrown out again must not look like success.
      failures = 0
      client.options.reconnectPeriod = backoff(0)
      log(`published ${stateTopic} ${state}`)
    })
  }

  if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve))
  clearInterval(timer)
  log('stopping')
  // Reports on their way are waited for, but not for ever.
  setTimeout(() => process.exit(), STOP_TIMEOUT_MS).unref()
  await client.endAsync(!client.connected)
}

/** Stand-in for real sensors. The names are attributes of the recipe `tl-generator`. */
function readSensors() {
  return {
    running: 1,
    rpm: Math.round(around(1500, 40)),
    manifold_temperature: around(82, 6),
    oil_pressure: around(3.8, 0.4),
    battery_voltage: around(13.2, 0.4),
    fuel_level: around(64, 2),
    output_current: around(41, 8),
    location: '52.5200,13.4050',
  }
}

function around(middle, spread) {
  return Number((middle + (Math.random() - 0.5) * spread).toFixed(1))
}

function parseUrl(text) {
  return URL.canParse(text) ? new URL(text) : undefined
}

function milliseconds(name, fallback) {
  return Number(env[name]) || fallback
}

function log(line) {
  process.stdout.write(`${line}\n`)
}
