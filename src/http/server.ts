import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { GatewayError } from '../core/errors.ts'
import type { AppEnv } from './env.ts'

/** Time that running requests have to finish, in milliseconds. */
const CLOSE_PATIENCE_MS = 3_000

/** A listening HTTP server. */
export interface HttpServer {
  readonly port: number
  /** Takes no new connections, lets running requests finish. */
  close(): Promise<void>
}

/**
 * Serves the app; port 0 takes any free one.
 *
 * @throws {GatewayError} `port_in_use`, `listen_failed`
 */
export function listenHttp(
  app: OpenAPIHono<AppEnv>,
  address: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const { host, port } = address
  const server = createAdaptorServer({ fetch: app.fetch })
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'EADDRINUSE'
          ? new GatewayError(
              'port_in_use',
              `port ${port} is in use: choose another with LINEHAUL_HTTP_PORT or http.port`,
              { cause },
            )
          : new GatewayError(
              'listen_failed',
              `cannot listen on ${host}:${port}: ${cause.message}`,
              {
                cause,
              },
            ),
      )
    })
    server.listen(port, host, () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            // A client that keeps its connection busy would keep the server open for ever.
            const cut = setTimeout(() => {
              if ('closeAllConnections' in server) server.closeAllConnections()
            }, CLOSE_PATIENCE_MS)
            server.close(() => {
              clearTimeout(cut)
              closed()
            })
            if ('closeIdleConnections' in server) server.closeIdleConnections()
          }),
      })
    })
  })
}
