/** The load of the billing benchmark: many tenants, over HTTP with a key each and over SMPP with an account each. */
import { SmppClient } from '../../src/smpp/client.ts'
import { numberOf, SENDER, tenantName, textOf } from '../load/message.ts'
import { answerCommands, epochMs } from './child.ts'
import { HttpConnection } from './http-connection.ts'

/** Who sends which message: all tenants in turn, or one of them nine of ten and the others the tenth. */
export interface Shares {
  readonly tenants: number
  readonly isOneLarge: boolean
}

/** What the benchmark tells the load generator. */
export type TenantsCommand =
  /** Binds a session for each tenant at a gateway that is named so from then on. */
  | {
      readonly type: 'bind'
      readonly gateway: string
      readonly port: number
      readonly tenants: number
    }
  | {
      readonly type: 'rest'
      readonly port: number
      readonly calls: number
      /** Recipients in one call; a divisor of 1,000. */
      readonly recipients: number
      readonly connections: number
      readonly shares: Shares
    }
  | {
      readonly type: 'submit'
      readonly gateway: string
      readonly messages: number
      /** Submits without an answer, over all sessions. */
      readonly window: number
      readonly shares: Shares
    }
  /** Answers once so many receipts have come, and forgets them. */
  | { readonly type: 'receipts'; readonly receipts: number }

/** What the load generator answers. */
export type TenantsReport =
  | { readonly type: 'bound' }
  /** Milliseconds since 1970 of the first request. */
  | { readonly type: 'loaded'; readonly startedAtMs: number }
  | { readonly type: 'received' }

const HOST = '127.0.0.1'
/** Binds that are asked for at once: the listener bounds those of one address. */
const BINDS_AT_ONCE = 20

const sessions = new Map<string, SmppClient[]>()
let receipts = 0
let awaited: { readonly receipts: number; readonly resolve: () => void } | undefined

function tenantOf(message: number, { tenants, isOneLarge }: Shares): number {
  if (!isOneLarge) return message % tenants
  if (message % 10 !== 0 || tenants === 1) return 0
  return 1 + (Math.floor(message / 10) % (tenants - 1))
}

async function bind(gateway: string, port: number, tenants: number): Promise<TenantsReport> {
  const clients: SmppClient[] = []
  for (let first = 0; first < tenants; first += BINDS_AT_ONCE) {
    const count = Math.min(BINDS_AT_ONCE, tenants - first)
    const bound = Array.from({ length: count }, (_, place) => bindOne(first + place, port))
    clients.push(...(await Promise.all(bound)))
  }
  sessions.set(gateway, clients)
  return { type: 'bound' }
}

function bindOne(tenant: number, port: number): Promise<SmppClient> {
  return new Promise((resolve, reject) => {
    const client = new SmppClient({
      host: HOST,
      port,
      bindType: 'transceiver',
      system_id: tenantName(tenant),
      password: 'bench',
      windowSize: 200,
      onRequest: (pdu) => {
        if (pdu.command !== 'deliver_sm') return undefined
        receipts++
        if (awaited && receipts >= awaited.receipts) awaited.resolve()
        return {}
      },
      onBound: () => resolve(client),
      onAttemptFailed: reject,
    })
    client.start()
  })
}

async function loadRest(
  command: Extract<TenantsCommand, { type: 'rest' }>,
): Promise<TenantsReport> {
  const { port, calls, recipients, shares } = command
  const connections = await Promise.all(
    Array.from({ length: command.connections }, () => HttpConnection.open(HOST, port)),
  )
  let next = 0
  const startedAtMs = epochMs()
  const callOneAfterAnother = async (connection: HttpConnection) => {
    while (next < calls) {
      const call = next++
      const authorization = `Bearer ${tenantName(tenantOf(call, shares))}`
      const headers = { authorization, 'content-type': 'application/json' }
      const first = call * recipients
      const to = Array.from({ length: recipients }, (_, place) => `+${numberOf(first + place)}`)
      const body = JSON.stringify({ to, from: SENDER, text: textOf(call) })
      const answer = await connection.post('/v1/messages', headers, body)
      if (answer.status !== 202) throw new Error(`status ${answer.status}: ${answer.body}`)
    }
  }
  await Promise.all(connections.map(callOneAfterAnother))
  for (const connection of connections) connection.close()
  return { type: 'loaded', startedAtMs }
}

async function submit(
  command: Extract<TenantsCommand, { type: 'submit' }>,
): Promise<TenantsReport> {
  const { gateway, messages, window, shares } = command
  const clients = sessions.get(gateway) ?? []
  let next = 0
  const startedAtMs = epochMs()
  const submitOneAfterAnother = async () => {
    while (next < messages) {
      const message = next++
      const session = clients[tenantOf(message, shares)]?.session
      if (!session) throw new Error(`the session of tenant ${tenantOf(message, shares)} is gone`)
      const response = await session.request({
        command: 'submit_sm',
        source_addr_ton: 5,
        source_addr: SENDER,
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: numberOf(message),
        registered_delivery: 1,
        short_message: Buffer.from(textOf(message), 'latin1'),
      })
      if (response.command_status !== 0) throw new Error(`status ${response.command_status}`)
    }
  }
  await Promise.all(Array.from({ length: window }, submitOneAfterAnother))
  return { type: 'loaded', startedAtMs }
}

async function takeReceipts(count: number): Promise<TenantsReport> {
  if (receipts < count) {
    await new Promise<void>((resolve) => {
      awaited = { receipts: count, resolve }
    })
  }
  awaited = undefined
  receipts = 0
  return { type: 'received' }
}

answerCommands<TenantsCommand, TenantsReport>((command) => {
  switch (command.type) {
    case 'bind':
      return bind(command.gateway, command.port, command.tenants)
    case 'rest':
      return loadRest(command)
    case 'submit':
      return submit(command)
    case 'receipts':
      return takeReceipts(command.receipts)
  }
})
