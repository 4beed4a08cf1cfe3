import { decodeProtectedHeader } from 'jose'
import { z } from 'zod'
import { MAX_TOKEN_BYTES, RegistryError } from '../../registry/index.ts'
import { operation } from './operation.ts'

const payload = z
  .looseObject({
    iss: z.string().exactOptional(),
    iat: z.number().exactOptional(),
    exp: z.number().exactOptional(),
    nbf: z.number().exactOptional(),
  })
  .meta({ description: 'The claims. Source: RFC 7519 §4.' })

const tokenVerdict = z
  .union([
    z.object({ accepted: z.literal(true), header: z.record(z.string(), z.unknown()), payload }),
    z.object({ accepted: z.literal(false), reason: z.string() }),
  ])
  .meta({ id: 'TokenVerdict' })

export type TokenVerdict = z.output<typeof tokenVerdict>

export const tokenOperations = {
  createToken: operation({
    summary: 'Sign a registration token.',
    route: { method: 'POST', path: '/tokens' },
    role: 'operator',
    request: z.strictObject({
      url: z.string().meta({ description: 'Where devices register.' }),
      mqtt: z.string().meta({ description: 'Where they connect afterwards.' }),
      expiresInSeconds: z.int().positive().exactOptional(),
      extra: z.record(z.string(), z.string()).exactOptional().meta({ description: 'Further claims.' }),
    }),
    answer: z.object({ token: z.string(), payload }),
    async call({ registry }, claims) {
      const token = await registry.issueToken(claims)
      // A device would be refused with it, and nobody would look for the reason here.
      if (token.length > MAX_TOKEN_BYTES) {
        throw new RegistryError(
          'ERR_INPUT_INVALID',
          `The token would have ${token.length} bytes; devices may send at most ${MAX_TOKEN_BYTES}.`,
        )
      }
      return { token, payload: await registry.verifyToken(token) }
    },
  }),

  verifyToken: operation({
    summary: 'Decode a token, or say why it is refused: one that does not hold is an answer here, not an error.',
    route: { method: 'POST', path: '/tokens/verify' },
    role: 'viewer',
    request: z.strictObject({ token: z.string() }),
    answer: tokenVerdict,
    async call({ registry }, { token }): Promise<TokenVerdict> {
      try {
        const claims = await registry.verifyToken(token)
        return { accepted: true, header: { ...decodeProtectedHeader(token) }, payload: claims }
      } catch (error) {
        if (error instanceof RegistryError) return { accepted: false, reason: error.message }
        throw error
      }
    },
  }),
}
