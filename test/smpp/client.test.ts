import { type AddressInfo, createServer } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { SmppClient, type SmppClientOptions, type SmppClientState } from '../../src/smpp/client.ts'
import type { PduInput } from '../../src/smpp/pdu.ts'
import type { SessionEnd } from '../../src/smpp/session.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { connectedPair, ScriptedPeer } from './scripted-peer.ts'

const SUBMIT: PduInput = { command: 'submit_sm', destination_addr: '447700900123' }

interface Setup {
  readonly client: SmppClient
  /** The server's end of the next connection that the client makes. */
  accept(): Promise<ScriptedPeer>
  /** Accepts a connection and its bind. */
  acceptBind(): Promise<ScriptedPeer>
  readonly states: SmppClientState[]
  readonly unbounds: [SessionEnd['reason'], number | null][]
  readonly failures: { message: string; code?: string; retryInMs: number }[]
  /** Settles when the client enters a state. */
  reached(state: SmppClientState): Promise<void>
}

const running: SmppClient[] = []
const peers: ScriptedPeer[] = []

afterEach(async () => {
  const closing = running.splice(0).map((client) => client.close({ drainMs: 0 }))
  for (const peer of peers.splice(0)) peer.reset()
  await Promise.all(closing)
})

function setUp(options: Partial<SmppClientOptions> = {}): Setup {
  const accepted: ScriptedPeer[] = []
  const accepting: ((peer: ScriptedPeer) => void)[] = []
  const states: SmppClientState[] = []
  const unbounds: Setup['unbounds'] = []
  const failures: Setup['failures'] = []
  const hoping: { state: SmppClientState; resolve: () => void }[] = []
  const client = new SmppClient({
    host: 'scripted',
    port: 2775,
    bindType: 'transceiver',
    system_id: 'me',
    password: 'secret',
    backoff: { firstMs: 1, firstRefusedMs: 1, maxMs: 1 },
    connect: async () => {
      const [near, far] = connectedPair()
      const peer = new ScriptedPeer(far)
      peers.push(peer)
      const next = accepting.shift()
      if (next === undefined) accepted.push(peer)
      else next(peer)
      return near
    },
    onRequest: () => ({}),
    onStateChange: (state) => {
      states.push(state)
      for (const hope of hoping.filter((each) => each.state === state)) hope.resolve()
    },
    onUnbound: (end, retryInMs) => unbounds.push([end.reason, retryInMs]),
    onAttemptFailed: (error, retryInMs) => {
      const { message } = error
      failures.push({
        message,
        ...('code' in error ? { code: String(error.code) } : {}),
        retryInMs,
      })
    },
    ...options,
  })
  running.push(client)
  const accept = async () =>
    accepted.shift() ?? (await new Promise<ScriptedPeer>((resolve) => accepting.push(resolve)))
  return {
    client,
    states,
    unbounds,
    failures,
    accept,
    async acceptBind() {
      const peer = await accept()
      const { sequence_number } = await peer.next('bind_transceiver')
      peer.send({ command: 'bind_transceiver_resp', sequence_number, system_id: 'them' })
      return peer
    },
    reached: (state) => new Promise((resolve) => hoping.push({ state, resolve })),
  }
}

describe('SmppClient', () => {
  describe('with several hosts', () => {
    const backoff = { firstMs: 1, firstRefusedMs: 1, maxMs: 1 }

    /** Hosts that can be connected to, by name; the others refuse the connection. */
    function hosted(up: Set<string>, options: Partial<SmppClientOptions> = {}) {
      const tried: string[] = []
      const own: ScriptedPeer[] = []
      const setup = setUp({
        host: 'one',
        fallbacks: [
          { host: 'two', port: 2775 },
          { host: 'three', port: 2776 },
        ],
        backoff,
        ...options,
        connect: async (_signal, { host }) => {
          tried.push(host)
          if (!up.has(host)) throw new Error(`${host} is down`)
          const [near, far] = connectedPair()
          const peer = new ScriptedPeer(far)
          own.push(peer)
          peers.push(peer)
          return near
        },
      })
      const latest = () => own.at(-1) as ScriptedPeer
      const answerBind = async (command_status = 0) => {
        await vi.waitFor(() => expect(own.length).toBeGreaterThan(0))
        const peer = latest()
        const { sequence_number } = await peer.next('bind_transceiver')
        peer.send({ command: 'bind_transceiver_resp', sequence_number, command_status })
        return peer
      }
      return { ...setup, tried, peers: own, answerBind }
    }

    test('tries them in order, the next one at once, and waits only after the last', async () => {
      const up = new Set<string>()
      const { client, tried, failures, reached, answerBind } = hosted(up)
      client.start()
      await vi.waitFor(() => expect(tried.length).toBeGreaterThan(5))
      expect(tried.slice(0, 6)).toEqual(['one', 'two', 'three', 'one', 'two', 'three'])
      expect(failures.slice(0, 3).map(({ retryInMs }) => retryInMs > 0)).toEqual([
        false,
        false,
        true,
      ])
      up.add('two')
      const bound = reached('bound')
      const peer = await answerBind()
      await bound
      expect(client.host).toEqual({ host: 'two', port: 2775 })
      expect(client.isAtFirstHost).toBe(false)
      up.add('one')
      const before = tried.length
      // A natural reconnect begins at the first.
      peer.reset()
      await vi.waitFor(() => expect(tried.length).toBeGreaterThan(before))
      expect(tried[before]).toBe('one')
    })

    test('a refused password waits before every host, so that no account is locked', async () => {
      const up = new Set(['one', 'two', 'three'])
      const { client, tried, failures, answerBind } = hosted(up)
      client.start()
      for (const host of ['one', 'two', 'three', 'one']) {
        await vi.waitFor(() => expect(tried.at(-1)).toBe(host))
        await answerBind(CommandStatus.ESME_RINVPASWD)
      }
      await vi.waitFor(() => expect(failures.length).toBeGreaterThan(3))
      expect(failures.every(({ retryInMs }) => retryInMs > 0)).toBe(true)
    })

    test('moves to the first when that can be reached, and lets open requests finish', async () => {
      const up = new Set(['two'])
      const { client, tried, reached, answerBind, peers, unbounds } = hosted(up)
      const first = reached('bound')
      client.start()
      const peer = await answerBind()
      await first
      expect(await client.moveToFirstHost()).toBe(false)
      expect(client.session).toBeDefined()
      up.add('one')
      const answer = client.request(SUBMIT)
      const { sequence_number } = await peer.next('submit_sm')
      const moving = client.moveToFirstHost()
      await vi.waitFor(() => expect(client.session).toBeUndefined())
      peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'last' })
      expect(await answer).toMatchObject({ message_id: 'last' })
      const unbind = await peer.next('unbind')
      peer.send({ command: 'unbind_resp', sequence_number: unbind.sequence_number })
      expect(await moving).toBe(true)
      // The probe, and then the bind.
      await vi.waitFor(() => expect(peers).toHaveLength(3))
      const second = reached('bound')
      await answerBind()
      await second
      expect(client.isAtFirstHost).toBe(true)
      expect(tried.slice(-2)).toEqual(['one', 'one'])
      expect(unbounds).toEqual([['unbound', 0]])
    })
  })

  test('rebinding gives back what waits for a place, as not written', async () => {
    const { client, acceptBind, reached } = setUp({ windowSize: 1 })
    const bound = reached('bound')
    client.start()
    const peer = await acceptBind()
    await bound
    const [open, waiting] = [client.request(SUBMIT), client.request(SUBMIT)]
    const { sequence_number } = await peer.next('submit_sm')
    const rebinding = client.rebind()
    await expect(waiting).rejects.toMatchObject({ code: 'session_closed', written: false })
    peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'm' })
    expect(await open).toMatchObject({ message_id: 'm' })
    const unbind = await peer.next('unbind')
    peer.send({ command: 'unbind_resp', sequence_number: unbind.sequence_number })
    await rebinding
    const again = reached('bound')
    await acceptBind()
    await again
  })

  test('binds with its fields and carries requests', async () => {
    const { client, accept, reached, states } = setUp({ system_type: 'VMA', address_range: '^44' })
    expect(client.state).toBe('stopped')
    await expect(client.request(SUBMIT)).rejects.toMatchObject({
      code: 'not_bound',
      written: false,
    })
    const bound = reached('bound')
    client.start()
    client.start()
    const peer = await accept()
    const bind = await peer.next('bind_transceiver')
    expect(bind).toMatchObject({
      system_id: 'me',
      password: 'secret',
      system_type: 'VMA',
      interface_version: 0x34,
      address_range: '^44',
    })
    expect(client.session).toBeUndefined()
    peer.send({ command: 'bind_transceiver_resp', sequence_number: bind.sequence_number })
    await bound
    const answer = client.request(SUBMIT)
    const { sequence_number } = await peer.next('submit_sm')
    peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'm1' })
    expect(await answer).toMatchObject({ message_id: 'm1' })
    expect(states).toEqual(['connecting', 'binding', 'bound'])
    expect(client.lastError).toBeUndefined()
  })

  test.each([
    ['transmitter', 'bind_transmitter', 'bound_tx'],
    ['receiver', 'bind_receiver', 'bound_rx'],
  ] as const)('binds as %s', async (bindType, command, state) => {
    const { client, accept, reached } = setUp({ bindType })
    const bound = reached('bound')
    client.start()
    const peer = await accept()
    const { sequence_number } = await peer.next(command)
    peer.send({ command: `${command}_resp`, sequence_number })
    await bound
    expect(client.session?.state).toBe(state)
  })

  test('is told of the bind before the first request in the same segment', async () => {
    const order: string[] = []
    const { client, accept } = setUp({
      onBound: () => order.push('bound'),
      onRequest: (pdu) => {
        order.push(pdu.command)
        return {}
      },
    })
    client.start()
    const peer = await accept()
    const { sequence_number } = await peer.next('bind_transceiver')
    peer.send(
      { command: 'bind_transceiver_resp', sequence_number },
      { command: 'deliver_sm', sequence_number: 1 },
    )
    await peer.next('deliver_sm_resp')
    expect(order).toEqual(['bound', 'deliver_sm'])
  })

  test('comes back after an unbind of the server', async () => {
    const { client, acceptBind, reached, unbounds } = setUp()
    client.start()
    const first = await acceptBind()
    first.send({ command: 'unbind', sequence_number: 1 })
    await first.next('unbind_resp')
    const bound = reached('bound')
    await acceptBind()
    await bound
    expect(unbounds).toEqual([['unbound_by_peer', 1]])
  })

  test('comes back after a lost connection, and open requests are settled', async () => {
    const { client, acceptBind, reached, unbounds } = setUp()
    const bound = reached('bound')
    client.start()
    const first = await acceptBind()
    await bound
    const lost = client.request(SUBMIT)
    await first.next('submit_sm')
    first.reset()
    await expect(lost).rejects.toMatchObject({ code: 'session_closed', written: true })
    const again = reached('bound')
    await acceptBind()
    await again
    expect(unbounds).toEqual([['peer_closed', 1]])
  })

  test('a refused bind is told, and tried again slowly', async () => {
    const { client, accept, acceptBind, reached, failures } = setUp({
      backoff: { firstMs: 1, firstRefusedMs: 8, maxMs: 10 },
      random: () => 0,
    })
    const waiting = reached('waiting')
    client.start()
    const peer = await accept()
    const { sequence_number } = await peer.next('bind_transceiver')
    const command_status = CommandStatus.ESME_RINVPASWD
    peer.send({ command: 'bind_transceiver_resp', sequence_number, command_status })
    await waiting
    expect(client.lastError).toMatchObject({ code: 'bind_refused', commandStatus: command_status })
    const bound = reached('bound')
    await acceptBind()
    await bound
    expect(client.lastError).toBeUndefined()
    expect(failures).toEqual([
      {
        code: 'bind_refused',
        message: 'the server refused the bind: ESME_RINVPASWD',
        retryInMs: 4,
      },
    ])
  })

  test('a server that never answers the bind is given up', async () => {
    const { client, accept, reached, failures } = setUp({ bindTimeoutMs: 5, tickMs: 1 })
    const waiting = reached('waiting')
    client.start()
    const peer = await accept()
    await peer.next('bind_transceiver')
    await waiting
    await accept()
    expect(failures[0]).toMatchObject({ code: 'bind_timeout' })
  })

  test('a server that hangs up instead of answering is tried again', async () => {
    const { client, accept, acceptBind, reached, failures } = setUp()
    client.start()
    const peer = await accept()
    await peer.next('bind_transceiver')
    peer.reset()
    const bound = reached('bound')
    await acceptBind()
    await bound
    expect(failures).toMatchObject([{ code: 'session_closed' }])
  })

  test('waits longer and longer, and afresh after a bind that lasted', async () => {
    let now = 0
    const { client, accept, acceptBind, reached, failures, unbounds } = setUp({
      backoff: { firstMs: 1, maxMs: 4, minMs: 1 },
      stableMs: 1000,
      now: () => now,
      random: () => 0.999,
    })
    client.start()
    for (let attempt = 0; attempt < 3; attempt++) {
      const peer = await accept()
      await peer.next('bind_transceiver')
      peer.reset()
    }
    const flapping = await acceptBind()
    const unstable = reached('waiting')
    flapping.reset()
    await unstable
    const isBound = reached('bound')
    const stable = await acceptBind()
    await isBound
    now += 1000
    const isWaiting = reached('waiting')
    stable.reset()
    await isWaiting
    expect(failures.map(({ retryInMs }) => retryInMs)).toEqual([1, 2, 4])
    expect(unbounds).toEqual([
      ['peer_closed', 4],
      ['peer_closed', 1],
    ])
  })

  test('a connection that cannot be made is told with its reason', async () => {
    const probe = createServer()
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    const { port } = probe.address() as AddressInfo
    await new Promise((resolve) => probe.close(resolve))
    const error = await new Promise<Error>((resolve) => {
      const client = new SmppClient({
        host: '127.0.0.1',
        port,
        bindType: 'transceiver',
        system_id: 'me',
        onRequest: () => ({}),
        onAttemptFailed: resolve,
      })
      running.push(client)
      client.start()
    })
    expect(error).toMatchObject({ code: 'connect_failed', retryable: true })
    expect(error.message).toContain(`127.0.0.1:${port}`)
  })

  test('a transport that does not open in time is given up', async () => {
    const failed = new Promise<Error>((resolve) => {
      const { client } = setUp({
        connectTimeoutMs: 5,
        connect: (signal) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(new Error('aborted')))
          }),
        onAttemptFailed: resolve,
      })
      client.start()
    })
    expect(await failed).toMatchObject({ message: 'aborted' })
  })

  test('close unbinds, and start begins again', async () => {
    const { client, acceptBind, reached, unbounds, states } = setUp()
    const bound = reached('bound')
    client.start()
    const peer = await acceptBind()
    await bound
    const closing = client.close({ drainMs: 1000 })
    const { sequence_number } = await peer.next('unbind')
    peer.send({ command: 'unbind_resp', sequence_number })
    await closing
    await client.close()
    expect(client.state).toBe('stopped')
    expect(unbounds).toEqual([['unbound', null]])
    const again = reached('bound')
    client.start()
    await acceptBind()
    await again
    expect(states).toEqual([
      'connecting',
      'binding',
      'bound',
      'stopped',
      'connecting',
      'binding',
      'bound',
    ])
  })

  test('close breaks off a wait, a bind and a connection', async () => {
    const waiting = setUp({ backoff: { firstMs: 1e6, maxMs: 1e6 } })
    const hasFailed = waiting.reached('waiting')
    waiting.client.start()
    ;(await waiting.accept()).reset()
    await hasFailed
    await waiting.client.close()
    expect(waiting.client.state).toBe('stopped')

    const binding = setUp()
    binding.client.start()
    await (await binding.accept()).next('bind_transceiver')
    await binding.client.close()
    expect(binding.states).toEqual(['connecting', 'binding', 'stopped'])

    const connecting = setUp({
      connect: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')))
        }),
    })
    connecting.client.start()
    await connecting.client.close()
    expect(connecting.states).toEqual(['connecting', 'stopped'])
  })

  test('a throwing callback does not stop the client', async () => {
    const fail = () => {
      throw new Error('from the application')
    }
    const { client, acceptBind } = setUp({
      onBound: fail,
      onUnbound: fail,
      onStateChange: fail,
      onAttemptFailed: fail,
    })
    client.start()
    ;(await acceptBind()).reset()
    ;(await acceptBind()).reset()
    const peer = await acceptBind()
    peer.send({ command: 'enquire_link', sequence_number: 1 })
    await peer.next('enquire_link_resp')
    expect(client.state).toBe('bound')
  })
})
