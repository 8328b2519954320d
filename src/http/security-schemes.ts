import type { OpenAPIHono } from '@hono/zod-openapi'

type Registry = OpenAPIHono['openAPIRegistry']

const BEARER = { apiKey: [] }
const SIGNED = { appKey: [], timestamp: [], nonce: [], signature: [] }

/** The headers of a signed request and what stands in each. */
const SIGNATURE_HEADERS = {
  appKey: ['X-App-Key', 'The `id` of a key with `signing`.'],
  timestamp: ['X-Timestamp', 'Seconds since 1970, or milliseconds.'],
  nonce: ['X-Nonce', '1 to 128 visible ASCII characters that the key has not used before.'],
  signature: [
    'X-Signature',
    'HMAC-SHA256 in hex or base64, by the secret of the key, of method, path with query, timestamp, nonce and the ' +
      'SHA-256 of the body in lower-case hex, with line feeds between them.',
  ],
} as const

/** Describes how callers say who they are: whatever an API key opens, a signed request opens as well. */
export function describeSecurity(registry: Registry): void {
  registry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'A key without `signing`.',
  })
  for (const [name, [header, description]] of Object.entries(SIGNATURE_HEADERS)) {
    registry.registerComponent('securitySchemes', name, {
      type: 'apiKey',
      in: 'header',
      name: header,
      description,
    })
  }
  for (const definition of registry.definitions) {
    if (definition.type !== 'route') continue
    const { route } = definition
    if (route.security?.some((each) => 'apiKey' in each)) route.security = [BEARER, SIGNED]
  }
}
