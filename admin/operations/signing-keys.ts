import { z } from 'zod'
import { SIGNING_ALGORITHMS } from '../../registry/index.ts'
import { nothing, operation } from './operation.ts'

const signingKey = z
  .object({
    kid: z.string().meta({ description: '`shared` is the secret of the configuration.' }),
    algorithm: z.enum(SIGNING_ALGORITHMS),
    createdAt: z.iso.datetime(),
    state: z.enum(['active', 'verifying', 'retired']),
    retiresAt: z.iso.datetime().exactOptional(),
  })
  .meta({ id: 'SigningKey' })

export type SigningKeyAnswer = z.output<typeof signingKey>

export const signingKeyOperations = {
  listSigningKeys: operation({
    summary: 'List the keys that sign and verify registration tokens.',
    route: { method: 'GET', path: '/signing-keys' },
    role: 'viewer',
    request: nothing,
    answer: z.object({ keys: z.array(signingKey).readonly() }),
    call: async ({ registry }) => ({ keys: registry.signingKeys.list() }),
  }),

  rotateSigningKey: operation({
    summary: 'Sign with a new key from now on; tokens of the one before hold until it is retired.',
    route: { method: 'POST', path: '/signing-keys/rotate' },
    role: 'admin',
    request: z.strictObject({
      algorithm: z.enum(SIGNING_ALGORITHMS),
      overlapSeconds: z
        .int()
        .nonnegative()
        .exactOptional()
        .meta({ description: 'After which the one before retires by itself; absent: never.' }),
    }),
    answer: signingKey,
    call: ({ registry }, { algorithm, overlapSeconds }) => registry.signingKeys.rotate(algorithm, overlapSeconds),
  }),

  retireSigningKey: operation({
    summary: 'Refuse every token that this key signed, from the next request on.',
    route: { method: 'POST', path: '/signing-keys/{kid}/retire' },
    role: 'admin',
    request: z.strictObject({ kid: z.string() }),
    answer: signingKey,
    call: ({ registry }, { kid }) => registry.signingKeys.retire(kid),
  }),
}
