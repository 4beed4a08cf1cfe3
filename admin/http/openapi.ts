import { z } from 'zod'
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi'
import { nounOf } from './caller.ts'
import { parametersOf, PREFIX, type HttpRoute } from './route.ts'

const problem = z
  .object({
    type: z.string().meta({ description: 'Stable: `urn:mooring:problem:…`.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'The same as in `type`, as the command line says it.' }),
  })
  .meta({ id: 'Problem', description: 'Source: RFC 9457.' })

const idempotencyKey = z.string().min(16).max(255).exactOptional().meta({
  description: 'Of the caller’s choice and random, such as a UUID: the same key gets the same answer for 24 h.',
})

/** The OpenAPI 3.1 document of the routes. */
export function openApiDocument(routes: readonly HttpRoute[], version: string): object {
  const paths: ZodOpenApiPathsObject = {}
  for (const route of routes) {
    const path = `${PREFIX}${route.path}`
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Mooring admin API',
      version,
      description: 'What an operator can ask of a running server. See docs/admin-api.md.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    security: [{ session: [] }, { apiToken: [] }],
    components: {
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'mooring', description: '`__Host-mooring` over TLS.' },
        apiToken: { type: 'http', scheme: 'bearer', description: 'Made with `mooring apitoken create`.' },
      },
    },
  })
}

function operationOf(route: HttpRoute): ZodOpenApiOperationObject {
  const { name, summary, access, path, answer, method, request } = route
  const inPath = parametersOf(path)
  const shape = request instanceof z.ZodObject ? Object.entries<z.ZodType>(request.shape) : []
  const pick = (keep: (field: string) => boolean) =>
    z.strictObject(Object.fromEntries(shape.filter(([field]) => keep(field))))
  const others = pick((field) => !inPath.includes(field))
  const hasOthers = Object.keys(others.shape).length > 0
  const inQuery = method === 'GET' || method === 'DELETE'
  return {
    operationId: name,
    summary,
    tags: [nounOf(path)],
    ...(access === 'public' ? { security: [] } : { description: `Needs the role ${access}.`, 'x-role': access }),
    requestParams: {
      ...(inPath.length > 0 ? { path: pick((field) => inPath.includes(field)) } : {}),
      ...(hasOthers && inQuery ? { query: others } : {}),
      ...(route.idempotencyKey ? { header: z.object({ 'Idempotency-Key': idempotencyKey }) } : {}),
    },
    ...(hasOthers && !inQuery
      ? { requestBody: { required: true, content: { 'application/json': { schema: others } } } }
      : {}),
    responses: {
      ...answersOf(route, answer),
      default: { description: 'Refused', content: { 'application/problem+json': { schema: problem } } },
    },
  }
}

function answersOf({ mediaType }: HttpRoute, answer: z.ZodType | undefined) {
  if (mediaType !== undefined) {
    const description = mediaType === 'text/csv' ? 'A file' : 'Events, until one side ends them'
    return { 200: { description, content: { [mediaType]: { schema: z.string() } } } }
  }
  if (answer === undefined) return { 204: { description: 'Done' } }
  return { 200: { description: 'Done', content: { 'application/json': { schema: answer } } } }
}
