import type { AddressInfo } from 'node:net'
import smpp from 'smpp'
import { afterEach, describe, expect, test } from 'vitest'
import { SmppClient, type SmppClientOptions } from '../../src/smpp/client.ts'
import type { BindPdu, DeliverSm, Pdu, SubmitSm } from '../../src/smpp/pdu.ts'
import { SmppServer, type SmppServerOptions } from '../../src/smpp/server.ts'
import type { Session, SessionEnd } from '../../src/smpp/session.ts'
import { CommandStatus } from '../../src/smpp/status.ts'

/** Our side and the npm package `smpp`, which shares no code with it, on real sockets. */

const HOST = '127.0.0.1'
const BIND_TYPES = ['transceiver', 'transmitter', 'receiver'] as const

const cleanUps: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** A server of the package that accepts any bind; `onSession` adds what the test needs. */
async function packageServer(onSession: (session: smpp.Session) => void): Promise<number> {
  const server = smpp.createServer((session) => {
    session.on('error', () => session.destroy())
    for (const type of BIND_TYPES) {
      session.on(`bind_${type}`, (pdu) => session.send(pdu.response({ system_id: 'package' })))
    }
    session.on('enquire_link', (pdu) => session.send(pdu.response()))
    session.on('unbind', (pdu) => {
      session.send(pdu.response())
      session.close()
    })
    onSession(session)
  })
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  cleanUps.push(
    () =>
      new Promise((resolve) => {
        for (const session of server.sessions) session.destroy()
        server.close(() => resolve())
      }),
  )
  return (server.address() as AddressInfo).port
}

/** Our client, bound to a port. */
function ourClient(
  port: number,
  options: Partial<SmppClientOptions> = {},
): Promise<{ client: SmppClient; session: Session }> {
  return new Promise((resolve, reject) => {
    const client = new SmppClient({
      host: HOST,
      port,
      bindType: 'transceiver',
      system_id: 'linehaul',
      password: 'secret',
      backoff: { firstMs: 1, maxMs: 1 },
      onRequest: () => ({}),
      onBound: (session) => resolve({ client, session }),
      onAttemptFailed: reject,
      ...options,
    })
    cleanUps.push(() => client.close({ drainMs: 0 }))
    client.start()
  })
}

async function ourServer(
  options: Partial<SmppServerOptions<undefined>> = {},
): Promise<SmppServer<undefined>> {
  const server = new SmppServer<undefined>({
    host: HOST,
    port: 0,
    system_id: 'linehaul',
    authenticate: ({ password }) => ({
      status: password === 'secret' ? 0 : CommandStatus.ESME_RINVPASWD,
    }),
    onRequest: () => ({}),
    ...options,
  })
  await server.listen()
  cleanUps.push(() => server.close({ drainMs: 0 }))
  return server
}

/** A client of the package, connected but not bound. */
function packageClient(port: number): Promise<smpp.Session> {
  return new Promise((resolve) => {
    const session = smpp.connect({ host: HOST, port }, () => resolve(session))
    session.on('error', () => session.destroy())
    cleanUps.push(
      () =>
        new Promise((closed) => {
          if (session.socket.destroyed) closed()
          else session.destroy(() => closed())
        }),
    )
  })
}

type RequestName =
  | `bind_${(typeof BIND_TYPES)[number]}`
  | 'submit_sm'
  | 'deliver_sm'
  | 'enquire_link'
  | 'unbind'

function ask(
  session: smpp.Session,
  command: RequestName,
  fields: smpp.PduFields = {},
): Promise<smpp.PDU> {
  return new Promise((resolve) => session[command](fields, resolve))
}

function nextPdu(session: smpp.Session, command: string): Promise<smpp.PDU> {
  return new Promise((resolve) => session.once(command, resolve))
}

const SUBMIT = {
  source_addr_ton: 5,
  source_addr: 'ACME',
  dest_addr_ton: 1,
  dest_addr_npi: 1,
  destination_addr: '447700900123',
  registered_delivery: 1,
} as const

describe('our client with a server of the package', () => {
  test.each(BIND_TYPES)('binds as %s', async (bindType) => {
    const binds: smpp.PDU[] = []
    const port = await packageServer((session) => {
      session.on(`bind_${bindType}`, (pdu) => binds.push(pdu))
    })
    const { session } = await ourClient(port, { bindType, system_type: 'VMA' })
    expect(session.isBound).toBe(true)
    expect(binds).toMatchObject([
      { system_id: 'linehaul', password: 'secret', system_type: 'VMA', interface_version: 0x34 },
    ])
  })

  test('submits, and the fields arrive', async () => {
    const arrived: smpp.PDU[] = []
    const port = await packageServer((session) => {
      session.on('submit_sm', (pdu) => {
        arrived.push(pdu)
        session.send(pdu.response({ message_id: 'carrier-1' }))
      })
    })
    const { client } = await ourClient(port)
    const response = await client.request({
      command: 'submit_sm',
      ...SUBMIT,
      short_message: Buffer.from('hello'),
      tlvs: [{ tag: 0x0204, value: Buffer.from([0x12, 0x34]) }],
    })
    expect(response).toMatchObject({ command: 'submit_sm_resp', message_id: 'carrier-1' })
    expect(arrived).toMatchObject([
      { ...SUBMIT, short_message: { message: 'hello' }, user_message_reference: 0x1234 },
    ])
  })

  test('takes a deliver_sm and answers it', async () => {
    const delivered: Pdu[] = []
    const answers: Promise<smpp.PDU>[] = []
    const port = await packageServer((session) => {
      // Right behind the bind response, in the same segment more often than not.
      session.on('bind_transceiver', () => {
        answers.push(ask(session, 'deliver_sm', { short_message: 'MO text' }))
      })
    })
    await ourClient(port, {
      onRequest: (pdu) => {
        delivered.push(pdu)
        return {}
      },
    })
    expect(await answers[0]).toMatchObject({ command: 'deliver_sm_resp', command_status: 0 })
    expect((delivered[0] as DeliverSm).short_message.toString()).toBe('MO text')
  })

  test('asks with enquire_link, and answers it', async () => {
    const sessions: smpp.Session[] = []
    const port = await packageServer((session) => sessions.push(session))
    const { client } = await ourClient(port)
    expect(await client.request({ command: 'enquire_link' })).toMatchObject({
      command: 'enquire_link_resp',
      command_status: 0,
    })
    const [theirs] = sessions
    if (theirs === undefined) throw new Error('the server has no session')
    expect(await ask(theirs, 'enquire_link')).toMatchObject({ command: 'enquire_link_resp' })
  })

  test('unbinds in order', async () => {
    const sessions: smpp.Session[] = []
    const port = await packageServer((session) => sessions.push(session))
    const ends: [SessionEnd['reason'], number | null][] = []
    const { client } = await ourClient(port, {
      onUnbound: ({ reason }, retryInMs) => ends.push([reason, retryInMs]),
    })
    const [theirs] = sessions
    if (theirs === undefined) throw new Error('the server has no session')
    const unbind = nextPdu(theirs, 'unbind')
    await client.close()
    await unbind
    expect(ends).toEqual([['unbound', null]])
  })

  test('comes back after an unbind of the server', async () => {
    let binds = 0
    const responses: Promise<smpp.PDU>[] = []
    const port = await packageServer((session) => {
      session.on('bind_transceiver', () => {
        binds++
        if (binds === 1) responses.push(ask(session, 'unbind'))
      })
    })
    let bounds = 0
    await new Promise<void>((resolve, reject) => {
      ourClient(port, {
        onBound: () => {
          bounds++
          if (bounds === 2) resolve()
        },
      }).catch(reject)
    })
    expect(binds).toBe(2)
    expect(await responses[0]).toMatchObject({ command: 'unbind_resp' })
  })

  test('1,000 submits through a window of 50 keep their answers apart', async () => {
    let outstanding = 0
    let most = 0
    const port = await packageServer((session) => {
      session.on('submit_sm', (pdu) => {
        outstanding++
        most = Math.max(most, outstanding)
        setImmediate(() => {
          outstanding--
          session.send(pdu.response({ message_id: `for-${pdu.destination_addr}` }))
        })
      })
    })
    const { session } = await ourClient(port, { windowSize: 50, queueLimit: 1000 })
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, index) =>
        session.request({ command: 'submit_sm', destination_addr: String(index) }),
      ),
    )
    expect(answers.map((pdu) => 'message_id' in pdu && pdu.message_id)).toEqual(
      Array.from({ length: 1000 }, (_, index) => `for-${index}`),
    )
    expect(most).toBeLessThanOrEqual(50)
    expect(session.counters).toMatchObject({
      requestsSent: 1001,
      responsesMatched: 1001,
      responsesUnmatched: 0,
    })
  })

  test('takes an error status, which the package sends without a body', async () => {
    const port = await packageServer((session) => {
      session.on('submit_sm', (pdu) => {
        session.send(pdu.response({ command_status: smpp.errors.ESME_RTHROTTLED }))
      })
    })
    const { client } = await ourClient(port)
    expect(await client.request({ command: 'submit_sm', ...SUBMIT })).toMatchObject({
      command_status: CommandStatus.ESME_RTHROTTLED,
      message_id: '',
    })
  })

  test('learns that its bind was refused', async () => {
    const server = smpp.createServer((session) => {
      session.on('error', () => session.destroy())
      session.on('bind_transceiver', (pdu) => {
        session.send(pdu.response({ command_status: smpp.errors.ESME_RINVPASWD }))
        session.close()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
    cleanUps.push(() => new Promise((resolve) => server.close(() => resolve())))
    const { port } = server.address() as AddressInfo
    await expect(ourClient(port)).rejects.toMatchObject({
      code: 'bind_refused',
      commandStatus: CommandStatus.ESME_RINVPASWD,
    })
  })
})

describe('our server with a client of the package', () => {
  test.each(BIND_TYPES)('takes a bind as %s', async (type) => {
    const binds: BindPdu[] = []
    const server = await ourServer({ onSession: (_, { bind }) => binds.push(bind) })
    const client = await packageClient(server.port)
    const response = await ask(client, `bind_${type}`, { system_id: 'esme', password: 'secret' })
    expect(response).toMatchObject({
      command: `bind_${type}_resp`,
      command_status: 0,
      system_id: 'linehaul',
    })
    expect(binds).toMatchObject([{ command: `bind_${type}`, system_id: 'esme', password: '' }])
  })

  test('refuses a wrong password', async () => {
    const server = await ourServer()
    const client = await packageClient(server.port)
    expect(await ask(client, 'bind_transceiver', { password: 'wrong' })).toMatchObject({
      command_status: smpp.errors.ESME_RINVPASWD,
    })
  })

  test('takes submits and delivers', async () => {
    const submitted: Pdu[] = []
    let delivery: Promise<Pdu> | undefined
    const server = await ourServer({
      onSession: (session) => {
        delivery = session.request({
          command: 'deliver_sm',
          source_addr: '447700900123',
          short_message: Buffer.from('to you'),
        })
      },
      onRequest: (pdu) => {
        submitted.push(pdu)
        return { message_id: 'ours-1' }
      },
    })
    const client = await packageClient(server.port)
    client.on('deliver_sm', (pdu) => client.send(pdu.response()))
    const arrived = nextPdu(client, 'deliver_sm')
    await ask(client, 'bind_transceiver', { system_id: 'esme', password: 'secret' })
    expect((await arrived).short_message).toEqual({ message: 'to you' })
    expect(await delivery).toMatchObject({ command: 'deliver_sm_resp', command_status: 0 })
    const response = await ask(client, 'submit_sm', { ...SUBMIT, short_message: 'hi there' })
    expect(response).toMatchObject({ command_status: 0, message_id: 'ours-1' })
    expect((submitted[0] as SubmitSm).short_message.toString()).toBe('hi there')
  })

  test('enquire_link goes both ways', async () => {
    let session: Session | undefined
    const server = await ourServer({
      onSession: (each) => {
        session = each
      },
    })
    const client = await packageClient(server.port)
    client.on('enquire_link', (pdu) => client.send(pdu.response()))
    await ask(client, 'bind_transceiver', { system_id: 'esme', password: 'secret' })
    expect(await ask(client, 'enquire_link')).toMatchObject({ command: 'enquire_link_resp' })
    expect(await session?.request({ command: 'enquire_link' })).toMatchObject({
      command: 'enquire_link_resp',
    })
  })

  test('unbind goes both ways', async () => {
    const ends: string[] = []
    const server = await ourServer({ onSessionEnd: (_s, _p, { reason }) => ends.push(reason) })
    const leaving = await packageClient(server.port)
    await ask(leaving, 'bind_transceiver', { system_id: 'esme', password: 'secret' })
    const closed = new Promise<void>((resolve) => leaving.on('close', resolve))
    expect(await ask(leaving, 'unbind')).toMatchObject({ command: 'unbind_resp' })
    await closed

    const staying = await packageClient(server.port)
    await ask(staying, 'bind_transceiver', { system_id: 'esme', password: 'secret' })
    staying.on('unbind', (pdu) => staying.send(pdu.response()))
    await server.close()
    expect(ends).toEqual(['unbound_by_peer', 'unbound'])
  })

  test('1,000 submits, 50 at a time, answered out of order', async () => {
    const held: (() => void)[] = []
    const server = await ourServer({
      onRequest: (pdu) =>
        new Promise((resolve) => {
          const message_id = `for-${(pdu as SubmitSm).destination_addr}`
          held.push(() => resolve({ message_id }))
          if (held.length === 50) for (const answer of held.splice(0).reverse()) answer()
        }),
    })
    const client = await packageClient(server.port)
    await ask(client, 'bind_transceiver', { system_id: 'esme', password: 'secret' })
    const ids: string[] = []
    for (let batch = 0; batch < 20; batch++) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          ask(client, 'submit_sm', { destination_addr: String(batch * 50 + index) }),
        ),
      )
      ids.push(...answers.map((pdu) => String(pdu.message_id)))
    }
    expect(ids).toEqual(Array.from({ length: 1000 }, (_, index) => `for-${index}`))
  })

  test('an error status arrives', async () => {
    const server = await ourServer({
      onRequest: () => ({ command_status: CommandStatus.ESME_RMSGQFUL }),
    })
    const client = await packageClient(server.port)
    await ask(client, 'bind_transceiver', { system_id: 'esme', password: 'secret' })
    expect(await ask(client, 'submit_sm', SUBMIT)).toMatchObject({
      command: 'submit_sm_resp',
      command_status: smpp.errors.ESME_RMSGQFUL,
    })
  })
})
