import type {
  BackupSummary,
  Operator,
  RunningServer,
  ServerStatus,
  SigningKeyAnswer,
  TokenSummary,
} from '../../admin/index.ts'
import { operatorOf } from '../../admin/operator.ts'
import { RegistryError, type Device, type JournalEntry } from '../../registry/index.ts'

export const A_DEVICE: Device = {
  id: '6922d1a0c3f4e5b6a7980001',
  manufacturerId: 'A1-0001',
  name: 'Generator - A1-0001',
  deviceClass: 'standalone',
  description: 'Industrial power generator.',
  tags: [{ key: 'manufacturerId', value: 'A1-0001' }],
  attributes: [{ name: 'rpm', dataType: 'number' }],
  registeredAt: '2026-01-02T03:04:05.678Z',
  disabled: false,
}

export const A_STATUS: ServerStatus = {
  version: '1.2.3',
  node: '20.20.2',
  pid: 4711,
  startedAt: '2026-01-01T00:00:00.000Z',
  uptimeSeconds: 93_784,
  data: '/data',
  connectedClients: 12,
  listeners: { mqtt: '127.0.0.1:1883', http: '127.0.0.1:8080' },
}

export const A_RUNNING_SERVER: RunningServer = {
  facts: async () => ({
    topicRoot: 'losant',
    registrationsOfDay: { accepted: 3, refused: 4 },
    messages: { received: 5, sent: 6, dropped: 7 },
    disk: { storeBytes: 8, freeBytes: 9, totalBytes: 10 },
    certificate: undefined,
    checks: [{ check: 'listen', state: 'warning', text: 'this machine only', hint: 'open it' }],
  }),
  historyOf: () => ({ times: [], connected: [], messagesIn: [], messagesOut: [], registrations: [], refused: [] }),
  publish: async () => ({ sent: 1, queued: 0 }),
  tails: { open: () => 'tail', read: async () => ({ messages: [], skipped: 0 }), close: () => {} },
  reloadCertificate: async () => undefined,
  settings: () => [{ path: 'log.level', value: 'info', source: 'default' }],
  sendCommand: async (deviceId) => ({ topic: `losant/${deviceId}/command`, sent: 1, queued: 0, device: 'sent' }),
}

export const A_BACKUP: BackupSummary = {
  file: '/data/backups/mooring-20260102T030405Z.jsonl.gz',
  createdAt: '2026-01-02T03:04:05.678Z',
  version: '1.2.3',
  records: { devices: 1 },
  files: ['registration-secret'],
  sha256: 'c'.repeat(64),
}
export const A_TOKEN: TokenSummary = {
  id: 'tok_0123456789abcdef',
  name: 'line-3',
  state: 'valid',
  createdAt: '2026-01-02T03:04:05.678Z',
  signingKey: 'shared',
  maxRegistrations: 500,
  uses: 412,
  lastUsedAt: '2026-01-03T03:04:05.000Z',
  refusals: { count: 2, lastAt: '2026-01-03T04:00:00.000Z', lastCode: 'ERR_TOKEN_NOT_FOR_DEVICE' },
}

export const A_SIGNING_KEY: SigningKeyAnswer = {
  kid: 'key_0123456789abcdef',
  algorithm: 'ES256',
  createdAt: '2026-01-02T03:04:05.678Z',
  state: 'active',
}

export const AN_ENTRY: JournalEntry = {
  seq: 7,
  at: '2026-01-02T03:04:05.678Z',
  kind: 'registration',
  result: 'accepted',
  deviceId: A_DEVICE.id,
  manufacturerId: A_DEVICE.manufacturerId,
  tokenId: 'legacy',
  address: '192.0.2.7',
  transport: 'http',
  latencyMs: 12.5,
  hash: 'f'.repeat(64),
}

const AN_ACCOUNT = {
  name: 'ops',
  role: 'admin',
  createdAt: '2026-01-02T03:04:05.678Z',
  passwordChangedAt: '2026-01-02T03:04:05.678Z',
} as const

const AN_API_TOKEN = {
  name: 'ci',
  role: 'operator',
  scopes: ['devices', 'tokens:read'],
  createdAt: '2026-01-02T03:04:05.678Z',
} as const

async function device({ device: id }: { device: string }): Promise<Device> {
  if (id === A_DEVICE.id || id === A_DEVICE.manufacturerId) return A_DEVICE
  throw new RegistryError('ERR_NOT_FOUND', `There is no device ${JSON.stringify(id)}.`)
}

/** Answers the same each time, so that two ways of asking can be compared. Knows one device and no service key named `taken`. */
export function fakeOperator(overrides: Partial<Operator> = {}): Operator {
  return {
    ...operatorOf(async (name) => {
      throw new Error(`the test did not expect ${name}`)
    }),
    createToken: async ({ url, mqtt, extra, name = A_TOKEN.name }) => ({
      id: A_TOKEN.id,
      name,
      token: 'a.b.c',
      payload: { ...extra, url, mqtt, iat: 1 },
    }),
    listTokens: async () => ({ tokens: [A_TOKEN] }),
    getToken: async ({ token }) => {
      if (token !== A_TOKEN.id) throw new RegistryError('ERR_NOT_FOUND', `There is no token "${token}".`)
      return A_TOKEN
    },
    limitToken: async ({ maxRegistrations }) => ({
      ...A_TOKEN,
      ...(typeof maxRegistrations === 'number' ? { maxRegistrations } : {}),
    }),
    revokeToken: async () => ({ ...A_TOKEN, state: 'revoked', revokedAt: A_TOKEN.createdAt }),
    reopenToken: async () => A_TOKEN,
    listSigningKeys: async () => ({ keys: [A_SIGNING_KEY] }),
    rotateSigningKey: async ({ algorithm }) => ({ ...A_SIGNING_KEY, algorithm }),
    retireSigningKey: async ({ kid }) => ({ ...A_SIGNING_KEY, kid, state: 'retired' }),
    verifyToken: async ({ token }) =>
      token === 'a.b.c'
        ? { accepted: true, header: { alg: 'HS256', typ: 'JWT' }, payload: { iss: 'here', iat: 1_700_000_000 } }
        : { accepted: false, reason: 'it was signed with another secret' },
    createServiceKey: async ({ name, secret }) => {
      if (name === 'taken') throw new RegistryError('ERR_CONFLICT', 'A service key named taken exists already.')
      return { name, accessKey: 'ed9c8a6e-0000-4000-8000-000000000001', accessSecret: secret ?? 'a'.repeat(64) }
    },
    listServiceKeys: async () => ({
      keys: [
        {
          name: 'dashboard',
          accessKey: 'ed9c8a6e-0000-4000-8000-000000000001',
          rules: { publish: [], subscribe: ['losant/+/state', 'plant/#'], deny: ['losant/+/private'] },
          createdAt: '2026-01-02T03:04:05.678Z',
          disabled: false,
        },
      ],
    }),
    deleteServiceKey: async ({ key }) => {
      if (key !== 'dashboard') throw new RegistryError('ERR_NOT_FOUND', `There is no service key ${key}.`)
      return { deleted: key }
    },
    listDevices: async ({ limit }) => ({ devices: [A_DEVICE], ...(limit === 1 ? { next: A_DEVICE.id } : {}) }),
    getDevice: device,
    disableDevice: async (request) => ({ ...(await device(request)), disabled: true }),
    enableDevice: device,
    rotateDevice: async (request) => ({
      deviceId: (await device(request)).id,
      accessKey: 'ed9c8a6e-0000-4000-8000-000000000002',
      accessSecret: 'b'.repeat(64),
    }),
    quarantineDevice: async (request) => ({ ...(await device(request)), quarantined: true }),
    releaseDevice: device,
    disconnectDevice: device,
    tagDevice: async (request) => ({ ...(await device(request)), tags: request.set ?? [] }),
    restrictDevice: async (request) => {
      const { addresses = [], filterType = 'none', pubTopics = [], subTopics = [] } = request
      await device(request)
      return { accessKey: 'ed9c8a6e-0000-4000-8000-000000000002', filterType, pubTopics, subTopics, addresses }
    },
    changeDevices: async ({ dryRun = false, after }) => ({
      matched: 1,
      changed: dryRun ? [] : [A_DEVICE],
      secrets: [],
      ...(after === undefined ? { next: A_DEVICE.id } : {}),
    }),
    readmitDevice: device,
    readmitDevices: async () => ({ readmitted: 3 }),
    deleteDevice: device,
    listJournal: async ({ limit }) => ({ entries: [AN_ENTRY], ...(limit === 1 ? { next: AN_ENTRY.seq } : {}) }),
    verifyJournal: async () => ({
      whole: true,
      checked: 1,
      head: { seq: AN_ENTRY.seq, hash: AN_ENTRY.hash },
      anchor: { seq: AN_ENTRY.seq - 1, hash: '0'.repeat(64) },
    }),
    explain: async ({ subject }) => ({
      subject,
      device: A_DEVICE,
      findings: [{ check: 'device', verdict: 'fine', text: 'Registered.', at: A_DEVICE.registeredAt }],
      entries: [AN_ENTRY],
    }),
    createAccount: async ({ name, role }) => ({ ...AN_ACCOUNT, name, role }),
    listAccounts: async () => ({ accounts: [AN_ACCOUNT] }),
    setAccountPassword: async ({ name }) => ({ ...AN_ACCOUNT, name }),
    setAccountRole: async ({ name, role }) => ({ ...AN_ACCOUNT, name, role }),
    removeAccount: async ({ name }) => ({ ...AN_ACCOUNT, name }),
    createSetupCode: async () => ({
      code: 'ABCD-2345',
      expiresAt: '2026-01-02T04:04:05.678Z',
      urls: ['http://127.0.0.1:8080/admin/'],
    }),
    createApiToken: async (request) => ({ ...AN_API_TOKEN, ...request, token: 'mooring_abc' }),
    listApiTokens: async () => ({ apiTokens: [AN_API_TOKEN] }),
    revokeApiToken: async ({ name }) => ({ revoked: name }),
    status: async () => A_STATUS,
    createBackup: async ({ to = '/data/backups/mooring-20260102T030405Z.jsonl.gz' } = {}) => ({
      ...A_BACKUP,
      file: to,
    }),
    ...overrides,
  }
}
