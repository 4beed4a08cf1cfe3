import { z } from 'zod'
import { RegistryError, ROLES, type Account } from '../../registry/index.ts'
import { nothing, operation } from './operation.ts'
import { next, page, pageOf } from './pages.ts'

const role = z.enum(ROLES)

const accountAnswer = z
  .object({ name: z.string(), role, createdAt: z.iso.datetime(), passwordChangedAt: z.iso.datetime() })
  .meta({ id: 'Account' })

export type AccountSummary = z.output<typeof accountAnswer>

const accountName = z.string().meta({ description: 'The name of the account.' })

const apiToken = z
  .object({
    name: z.string(),
    role,
    scopes: z.array(z.string()).readonly(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().exactOptional(),
    lastUsedAt: z.iso.datetime().exactOptional(),
  })
  .meta({ id: 'ApiToken' })

export type ApiTokenSummary = z.output<typeof apiToken>

/** What stands behind `#` stays in the browser: no log on the way has the code. */
export const setupUrl = (pageUrl: string, code: string): string => `${pageUrl}setup#${code}`

export const accountOperations = {
  createAccount: operation({
    summary: 'Create an account of the admin API.',
    route: { method: 'POST', path: '/accounts' },
    role: 'admin',
    request: z.strictObject({ name: accountName, password: z.string(), role }),
    answer: accountAnswer,
    call: async ({ registry }, request) => summaryOf(await registry.accounts.create(request)),
  }),

  listAccounts: operation({
    summary: 'List the accounts of the admin API by their names.',
    route: { method: 'GET', path: '/accounts' },
    role: 'admin',
    request: z.strictObject(page),
    answer: z.object({ accounts: z.array(accountAnswer).readonly(), next }),
    async call({ registry }, request) {
      const { items, ...more } = pageOf(registry.accounts.list(), ({ name }) => name, request)
      return { accounts: items.map(summaryOf), ...more }
    },
  }),

  setAccountPassword: operation({
    summary: 'Give an account another password, and end its sessions.',
    route: { method: 'POST', path: '/accounts/{name}/password' },
    role: 'admin',
    request: z.strictObject({ name: accountName, password: z.string() }),
    answer: accountAnswer,
    call: async ({ registry }, { name, password }) => summaryOf(await registry.accounts.setPassword(name, password)),
  }),

  setAccountRole: operation({
    summary: 'Give an account another role, and end its sessions.',
    route: { method: 'PUT', path: '/accounts/{name}/role' },
    role: 'admin',
    request: z.strictObject({ name: accountName, role }),
    answer: accountAnswer,
    call: async ({ registry }, request) => summaryOf(await registry.accounts.setRole(request.name, request.role)),
  }),

  removeAccount: operation({
    summary: 'Remove an account and end its sessions. The answer is the account as it was.',
    route: { method: 'DELETE', path: '/accounts/{name}' },
    role: 'admin',
    request: z.strictObject({ name: accountName }),
    answer: accountAnswer,
    call: async ({ registry }, { name }) => summaryOf(await registry.accounts.remove(name)),
  }),

  createSetupCode: operation({
    summary: 'Make a code that is good for one account with the role admin. The one before is void.',
    route: { method: 'POST', path: '/setup-code' },
    role: 'admin',
    request: nothing,
    answer: z.object({
      code: z.string(),
      expiresAt: z.iso.datetime(),
      urls: z.array(z.string()).readonly().meta({ description: 'Where it can be entered; empty when nowhere.' }),
    }),
    async call({ registry, adminUrls }) {
      // The code lives in the memory of the server.
      if (adminUrls === undefined) throw new RegistryError('ERR_CONFLICT', 'No server runs that could take the code.')
      const urls = adminUrls()
      const { code, expiresAt } = registry.accounts.setupCode.make()
      const text = code.reveal()
      return { code: text, expiresAt: expiresAt.toISOString(), urls: urls.map((url) => setupUrl(url, text)) }
    },
  }),

  createApiToken: operation({
    summary: 'Create a token with which a program uses the admin API. It is shown this once.',
    route: { method: 'POST', path: '/api-tokens' },
    role: 'admin',
    request: z.strictObject({
      name: z.string(),
      role: role.default('operator').meta({ description: 'As much as an account of this role may do, …' }),
      scopes: z.array(z.string()).default(['*']).meta({
        description: '… and only there: `*`, the first level of a path such as `devices`, or `devices:read`.',
      }),
      expiresInSeconds: z.int().positive().max(315_360_000).exactOptional(),
    }),
    answer: z.object({ token: z.string(), ...apiToken.shape }),
    async call({ registry }, request) {
      const { token, record } = await registry.accounts.apiTokens.create(request)
      return { token: token.reveal(), ...record }
    },
  }),

  listApiTokens: operation({
    summary: 'List the API tokens by their names, without the tokens themselves.',
    route: { method: 'GET', path: '/api-tokens' },
    role: 'admin',
    request: z.strictObject(page),
    answer: z.object({ apiTokens: z.array(apiToken).readonly(), next }),
    async call({ registry }, request) {
      const { items, ...more } = pageOf(registry.accounts.apiTokens.list(), ({ name }) => name, request)
      return { apiTokens: items, ...more }
    },
  }),

  revokeApiToken: operation({
    summary: 'Revoke an API token.',
    route: { method: 'DELETE', path: '/api-tokens/{name}' },
    role: 'admin',
    request: z.strictObject({ name: z.string() }),
    answer: z.object({ revoked: z.string() }),
    async call({ registry }, { name }) {
      await registry.accounts.apiTokens.revoke(name)
      return { revoked: name }
    },
  }),
}

const summaryOf = ({ name, role: held, createdAt, passwordChangedAt }: Account): AccountSummary => ({
  name,
  role: held,
  createdAt,
  passwordChangedAt,
})
