/**
 * What Mooring is compared with: registration and logins as they are first written, with argon2id at OWASP's cost
 * (m=19456, t=2) for every registration and at every CONNECT. No limits, no atomic claim, no permissions.
 */
import { Aedes } from 'aedes'
import { argon2id, hash, verify } from 'argon2'
import { jwtVerify } from 'jose'
import Koa from 'koa'
import { Level } from 'level'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { callbackify } from 'node:util'
import getRawBody from 'raw-body'

const OWASP = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
const [folder = '', secret = ''] = process.argv.slice(2)

const key = new TextEncoder().encode(secret)
const devices = new Level(folder)
const app = new Koa()
app.use(async (ctx) => {
  const body: unknown = JSON.parse((await getRawBody(ctx.req)).toString())
  const { token, manufacturerId }: Record<string, unknown> = Object(body)
  await jwtVerify(String(token), key, { algorithms: ['HS256'] })
  const [deviceId, accessKey, accessSecret] = [
    randomBytes(12).toString('hex'),
    randomUUID(),
    randomBytes(32).toString('hex'),
  ]
  const put = { type: 'put', key: accessKey, value: await hash(accessSecret, OWASP) } as const
  const sync: object = { sync: true }
  await devices.batch([put, { type: 'put', key: String(manufacturerId), value: deviceId }], sync)
  ctx.body = { deviceId, accessKey, accessSecret }
})
const matches = callbackify(async (accessKey: string, accessSecret: string): Promise<boolean> => {
  const stored = await devices.get(accessKey)
  return stored !== undefined && (await verify(stored, accessSecret))
})
const broker = await Aedes.createBroker({
  authenticate: (_client, userName, password, done) =>
    matches(String(userName), password?.toString() ?? '', (error, answer) =>
      done(error === null ? null : Object.assign(error, { returnCode: 3 }), answer),
    ),
})

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (server.address() as AddressInfo).port
}

const handle = app.callback()
const http = await portOf(createHttpServer((request, response) => void handle(request, response)))
const mqtt = await portOf(createServer((socket) => void broker.handle(socket)))
process.stdout.write(`${JSON.stringify({ http, mqtt })}\n`)
process.once('SIGTERM', () => process.exit(0))
