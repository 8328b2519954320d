/** The load of the end-to-end benchmark: an HTTP client and an SMPP partner. */
import { SmppClient } from '../../src/smpp/client.ts'
import { parseReceipt } from '../../src/smpp/receipt.ts'
import { answerCommands, epochMs } from './child.ts'
import { HttpConnection } from './http-connection.ts'

/** What the benchmark tells the load generator. */
export type LoadCommand =
  | {
      readonly type: 'rest'
      readonly port: number
      readonly apiKey: string
      /** Messages in all; a multiple of `recipients`. */
      readonly messages: number
      /** Recipients in one call. */
      readonly recipients: number
      readonly connections: number
      /** Calls started per second; 0: the next one as soon as a connection is free. */
      readonly callsPerSecond: number
      /** Stands in every text, so that rounds can be told apart. */
      readonly round: string
      /** The first of a thousand numbers for each recipient in turn; absent: the same for all. */
      readonly firstNumbers?: readonly number[]
    }
  | { readonly type: 'bind'; readonly port: number; readonly window: number }
  | {
      readonly type: 'submit'
      readonly messages: number
      readonly round: string
      /** 0 or absent: the next one as soon as there is a place in the window. */
      readonly messagesPerSecond?: number
    }
  /** Asks which receipts have come, once there are as many, and forgets them. */
  | { readonly type: 'receipts'; readonly receipts: number }

/** What the load generator answers. */
export type LoadReport =
  | { readonly type: 'bound' }
  | {
      readonly type: 'loaded'
      /** Milliseconds since 1970 of the first request, and from there to the last answer. */
      readonly startedAtMs: number
      readonly tookMs: number
    }
  | { readonly type: 'received'; readonly ids: readonly string[] }

const HOST = '127.0.0.1'
const FROM = 'Linehaul'

/** Numbers that nobody has: reserved in the United Kingdom for drama. */
const FIRST_NUMBER = 447_700_900_000
const NUMBERS = 1_000

function numberOf(message: number, firstNumbers: readonly number[] = [FIRST_NUMBER]): string {
  const first = firstNumbers[message % firstNumbers.length] ?? FIRST_NUMBER
  return String(first + (message % NUMBERS))
}

/** About as long as a one-time password message is; unique in its first words. */
function textOf(round: string, call: number): string {
  return `Round ${round} call ${call}. Your order has left our warehouse and arrives tomorrow.`
}

async function loadRest(command: Extract<LoadCommand, { type: 'rest' }>): Promise<LoadReport> {
  const { messages, recipients, port, callsPerSecond, round, firstNumbers } = command
  const connections = await Promise.all(
    Array.from({ length: command.connections }, () => HttpConnection.open(HOST, port)),
  )
  const headers = { authorization: `Bearer ${command.apiKey}`, 'content-type': 'application/json' }
  const calls = messages / recipients
  let next = 0
  const startedAtMs = epochMs()
  const callOneAfterAnother = async (connection: HttpConnection) => {
    while (next < calls) {
      const call = next++
      if (callsPerSecond > 0) await until(startedAtMs + (call * 1_000) / callsPerSecond)
      const numbers = Array.from(
        { length: recipients },
        (_, index) => `+${numberOf(call * recipients + index, firstNumbers)}`,
      )
      const body = JSON.stringify({
        to: recipients === 1 ? numbers[0] : numbers,
        from: FROM,
        text: textOf(round, call),
      })
      const answer = await connection.post('/v1/messages', headers, body)
      if (answer.status !== 202) throw new Error(`status ${answer.status}: ${answer.body}`)
    }
  }
  await Promise.all(connections.map(callOneAfterAnother))
  const tookMs = epochMs() - startedAtMs
  for (const connection of connections) connection.close()
  return { type: 'loaded', startedAtMs, tookMs }
}

async function until(atMs: number): Promise<void> {
  const waitMs = atMs - epochMs()
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
}

let client: SmppClient | undefined
let receiptIds: string[] = []
let awaited: { readonly receipts: number; readonly resolve: () => void } | undefined

function bind(port: number, windowSize: number): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    client = new SmppClient({
      host: HOST,
      port,
      bindType: 'transceiver',
      system_id: 'bench',
      password: 'bench',
      windowSize,
      onRequest: (pdu) => {
        if (pdu.command !== 'deliver_sm') return undefined
        receiptIds.push(parseReceipt(pdu)?.id ?? '')
        if (awaited && receiptIds.length >= awaited.receipts) awaited.resolve()
        return {}
      },
      onBound: () => resolve({ type: 'bound' }),
      onAttemptFailed: reject,
    })
    client.start()
  })
}

async function submit(
  messages: number,
  round: string,
  messagesPerSecond: number,
): Promise<LoadReport> {
  const session = client?.session
  if (!session) throw new Error('submit before bind')
  let next = 0
  const startedAtMs = epochMs()
  const submitOneAfterAnother = async () => {
    while (next < messages) {
      const message = next++
      if (messagesPerSecond > 0) await until(startedAtMs + (message * 1_000) / messagesPerSecond)
      const response = await session.request({
        command: 'submit_sm',
        source_addr_ton: 5,
        source_addr: FROM,
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: numberOf(message),
        registered_delivery: 1,
        short_message: Buffer.from(textOf(round, message), 'latin1'),
      })
      if (response.command_status !== 0) throw new Error(`status ${response.command_status}`)
    }
  }
  await Promise.all(Array.from({ length: session.windowSize }, submitOneAfterAnother))
  return { type: 'loaded', startedAtMs, tookMs: epochMs() - startedAtMs }
}

async function receipts(count: number): Promise<LoadReport> {
  if (receiptIds.length < count) {
    await new Promise<void>((resolve) => {
      awaited = { receipts: count, resolve }
    })
  }
  awaited = undefined
  const ids = receiptIds
  receiptIds = []
  return { type: 'received', ids }
}

answerCommands<LoadCommand, LoadReport>((command) => {
  switch (command.type) {
    case 'rest':
      return loadRest(command)
    case 'bind':
      return bind(command.port, command.window)
    case 'submit':
      return submit(command.messages, command.round, command.messagesPerSecond ?? 0)
    case 'receipts':
      return receipts(command.receipts)
  }
})
