import { decodeProtectedHeader } from 'jose'
import { z } from 'zod'
import { COMING_BACK, RegistryError, REGISTRATION_MODES } from '../../registry/index.ts'
import { operation } from './operation.ts'
import { next, page, pageOf } from './pages.ts'

const payload = z
  .looseObject({
    iss: z.string().exactOptional(),
    iat: z.number().exactOptional(),
    exp: z.number().exactOptional(),
    nbf: z.number().exactOptional(),
    jti: z.string().exactOptional(),
  })
  .meta({ description: 'The claims. Source: RFC 7519 §4.' })

const tokenVerdict = z
  .union([
    z.object({ accepted: z.literal(true), header: z.record(z.string(), z.unknown()), payload }),
    z.object({ accepted: z.literal(false), reason: z.string() }),
  ])
  .meta({ id: 'TokenVerdict' })

export type TokenVerdict = z.output<typeof tokenVerdict>

const limit = z.int().positive()

const texts = z.array(z.string()).readonly()

/** What an operator can say of a token; absent is unlimited, or as the configuration has it. */
const terms = {
  maxRegistrations: limit.exactOptional(),
  registrationsPerHour: limit.exactOptional(),
  manufacturerIds: texts.exactOptional().meta({ description: 'Globs (`*`, `?`), one of which must match.' }),
  networks: texts.exactOptional().meta({ description: 'CIDR; the device must come from one of them.' }),
  recipe: z.string().exactOptional().meta({ description: 'Name of the recipe of its devices.' }),
  tags: z
    .array(z.strictObject({ key: z.string(), value: z.string() }))
    .readonly()
    .exactOptional(),
  mode: z.enum(REGISTRATION_MODES).exactOptional().meta({ description: 'Who may register, beside holding it.' }),
  comingBack: z
    .enum(COMING_BACK)
    .exactOptional()
    .meta({ description: 'Whether its devices may register again; absent: as their recipe has it, else never.' }),
}

const tokenReport = z
  .object({
    id: z.string().meta({ description: 'The `jti`.' }),
    name: z.string(),
    state: z.enum(['valid', 'revoked', 'expired', 'exhausted']),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().exactOptional(),
    revokedAt: z.iso.datetime().exactOptional(),
    signingKey: z.string().exactOptional(),
    ...terms,
    uses: z.int().meta({ description: 'Devices that it made, deleted ones too.' }),
    lastUsedAt: z.iso.datetime().exactOptional(),
    refusals: z
      .object({ count: z.int(), lastAt: z.iso.datetime().exactOptional(), lastCode: z.string().exactOptional() })
      .meta({ description: 'Of requests with this token since the server started.' }),
  })
  .meta({ id: 'Token' })

export type TokenSummary = z.output<typeof tokenReport>

const tokenRequest = z.strictObject({ token: z.string().meta({ description: 'Its ID or its name.' }) })

export const tokenOperations = {
  createToken: operation({
    summary: 'Sign a registration token and keep its terms. The token is shown this once.',
    route: { method: 'POST', path: '/tokens' },
    role: 'operator',
    request: z.strictObject({
      url: z.string().meta({ description: 'Where devices register.' }),
      mqtt: z.string().meta({ description: 'Where they connect afterwards.' }),
      name: z.string().exactOptional().meta({ description: 'Its ID when absent.' }),
      expiresInSeconds: z.int().positive().exactOptional(),
      extra: z.record(z.string(), z.string()).exactOptional().meta({ description: 'Further claims.' }),
      ...terms,
    }),
    answer: z.object({ id: z.string(), name: z.string(), token: z.string(), payload }),
    async call({ registry }, { url, mqtt, name, expiresInSeconds, extra, ...given }) {
      const {
        token,
        payload: claims,
        record,
      } = await registry.tokens.create({
        url,
        mqtt,
        ...(name === undefined ? {} : { name }),
        ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
        ...(extra === undefined ? {} : { extra }),
        terms: given,
      })
      return { id: record.id, name: record.name, token, payload: claims }
    },
  }),

  listTokens: operation({
    summary:
      'List the registration tokens in the order they were made, revoked ones too. `legacy` stands for all that were signed elsewhere.',
    route: { method: 'GET', path: '/tokens' },
    role: 'viewer',
    request: z.strictObject(page),
    answer: z.object({ tokens: z.array(tokenReport).readonly(), next }),
    async call({ registry: { tokens } }, request) {
      const { items, ...more } = pageOf(tokens.records, ({ createdAt, id }) => `${createdAt} ${id}`, request)
      return { tokens: await Promise.all(items.map(({ id }) => tokens.get(id))), ...more }
    },
  }),

  getToken: operation({
    summary: 'Show what a token permits and what was done with it.',
    route: { method: 'GET', path: '/tokens/{token}' },
    role: 'viewer',
    request: tokenRequest,
    answer: tokenReport,
    call: ({ registry }, { token }) => registry.tokens.get(token),
  }),

  limitToken: operation({
    summary: 'Change how often a token can be used, from the next request on. null takes a limit away.',
    route: { method: 'PATCH', path: '/tokens/{token}' },
    role: 'operator',
    request: z.strictObject({
      ...tokenRequest.shape,
      maxRegistrations: limit.nullable().exactOptional(),
      registrationsPerHour: limit.nullable().exactOptional(),
    }),
    answer: tokenReport,
    call: ({ registry }, { token, ...limits }) => registry.tokens.limit(token, limits),
  }),

  revokeToken: operation({
    summary: 'Refuse a token from the next request on. The devices it made stay.',
    route: { method: 'POST', path: '/tokens/{token}/revoke' },
    role: 'operator',
    request: tokenRequest,
    answer: tokenReport,
    call: ({ registry }, { token }) => registry.tokens.revoke(token),
  }),

  reopenToken: operation({
    summary: 'Accept the tokens that were signed elsewhere again. Only `legacy` can be reopened.',
    route: { method: 'POST', path: '/tokens/{token}/reopen' },
    role: 'operator',
    request: tokenRequest,
    answer: tokenReport,
    call: ({ registry }, { token }) => registry.tokens.reopen(token),
  }),

  verifyToken: operation({
    summary: 'Decode a token, or say why it is refused: one that does not hold is an answer here, not an error.',
    route: { method: 'POST', path: '/tokens/verify' },
    role: 'viewer',
    request: z.strictObject({ token: z.string() }),
    answer: tokenVerdict,
    async call({ registry }, { token }): Promise<TokenVerdict> {
      try {
        const claims = await registry.tokens.verify(token)
        return { accepted: true, header: { ...decodeProtectedHeader(token) }, payload: claims }
      } catch (error) {
        if (error instanceof RegistryError) return { accepted: false, reason: error.message }
        throw error
      }
    },
  }),
}
