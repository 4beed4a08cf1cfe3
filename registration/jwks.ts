import type { Registry } from '../registry/index.ts'
import type { Page } from './app.ts'

/** The public keys of the registration tokens, for whoever wants to check one. Source: RFC 7517 §5, §8.5.1. */
export const jwksPage = ({ signingKeys }: Pick<Registry, 'signingKeys'>): Page => ({
  path: '/.well-known/jwks.json',
  mayRead: () => true,
  read: async () => ({ type: 'application/jwk-set+json', text: JSON.stringify(signingKeys.jwks()) }),
})
