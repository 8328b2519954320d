import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { COMMAND_IDS, isResponse, responseNameOf } from '../../src/smpp/commands.ts'
import type { CommandName, Pdu, PduInput } from '../../src/smpp/pdu.ts'
import { isBind } from '../../src/smpp/session-rules.ts'
import { CommandStatus, type CommandStatusName, statusInfo } from '../../src/smpp/status.ts'
import { TlvTag } from '../../src/smpp/tlv.ts'
import { openForReading, type Store } from '../../src/store/open.ts'
import { HostilePeer } from '../hostile/hostile-peer.ts'
import { TEST_CERTIFICATE, TEST_KEY } from '../smpp/tls-certificate.ts'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/**
 * Every PDU there is, sent by everybody who may not: each gets the status that the documents say, and no table
 * changes. The twin over HTTP is test/http/refused-keys.test.ts.
 */

/** What a PDU meets: a status, no answer at all, or that it is allowed. */
type Outcome = CommandStatusName | 'silence' | 'allowed'

interface Row {
  readonly pdu: PduInput
  /** On a connection that has not bound. */
  readonly unbound: Outcome
  /** Behind a bind that is refused, in the same packet. */
  readonly behindBind: Outcome
  readonly receiver: Outcome
  /** On a transceiver of a tenant that is suspended. */
  readonly suspended: Outcome
  /** On a session that was told to go, because its account is no more. */
  readonly dismissed: Outcome
  /** With nothing wrong: so that the rows above are not refused for another reason. */
  readonly good: Outcome
}

const IN_AN_HOUR = '000000010000000R'
const NUMBER = '447700900123'
const NOBODYS = '01890000-0000-7000-8000-000000000001'
const FROM = { source_addr_ton: 5, source_addr: 'ACME' }
const TO = { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: NUMBER }
const TEXT = Buffer.from('hello')
const LATER = { schedule_delivery_time: IN_AN_HOUR }
const BIND = { system_id: 'good', password: 'pw', interface_version: 0x34 }

/** A response to nothing, or what has no response: nothing is said to it. */
function unanswered(pdu: PduInput): Row {
  return { pdu, ...everywhere('silence') }
}

function everywhere(outcome: Outcome): Omit<Row, 'pdu'> {
  return {
    unbound: outcome,
    behindBind: outcome,
    receiver: outcome,
    suspended: outcome,
    dismissed: outcome,
    good: outcome,
  }
}

/** A request that needs a bind, and of which nothing more is taken once the session is told to go. */
function needsBind(pdu: PduInput, more: Pick<Row, 'receiver' | 'suspended' | 'good'>): Row {
  const refused = 'ESME_RINVBNDSTS'
  return { pdu, unbound: refused, behindBind: refused, dismissed: 'silence', ...more }
}

/** What would send is refused to a suspended tenant. */
function sending(pdu: PduInput): Row {
  return needsBind(pdu, {
    receiver: 'ESME_RINVBNDSTS',
    suspended: 'ESME_RSUBMITFAIL',
    good: 'allowed',
  })
}

/** What waits of a suspended tenant goes on, and may be asked for and taken back. */
function aboutOwn(pdu: PduInput): Row {
  return needsBind(pdu, { receiver: 'ESME_RINVBNDSTS', suspended: 'allowed', good: 'allowed' })
}

function notOffered(pdu: PduInput): Row {
  return needsBind(pdu, {
    receiver: 'ESME_RINVBNDSTS',
    suspended: 'ESME_RINVCMDID',
    good: 'ESME_RINVCMDID',
  })
}

function bindRow(command: 'bind_transmitter' | 'bind_receiver' | 'bind_transceiver'): Row {
  return {
    pdu: { command, ...BIND },
    // As long as it is the first: what is wrong with it is below.
    unbound: 'allowed',
    behindBind: 'ESME_RALYBND',
    receiver: 'ESME_RALYBND',
    suspended: 'ESME_RALYBND',
    dismissed: 'silence',
    good: 'ESME_RALYBND',
  }
}

const ROWS: Readonly<Record<CommandName, Row>> = {
  bind_receiver: bindRow('bind_receiver'),
  bind_receiver_resp: unanswered({ command: 'bind_receiver_resp', system_id: 'good' }),
  bind_transmitter: bindRow('bind_transmitter'),
  bind_transmitter_resp: unanswered({ command: 'bind_transmitter_resp', system_id: 'good' }),
  bind_transceiver: bindRow('bind_transceiver'),
  bind_transceiver_resp: unanswered({ command: 'bind_transceiver_resp', system_id: 'good' }),
  outbind: unanswered({ command: 'outbind', system_id: 'good', password: 'pw' }),
  // Asks for nothing that is anybody's: whoever is connected may say that he is there, or goes.
  enquire_link: { pdu: { command: 'enquire_link' }, ...everywhere('allowed') },
  enquire_link_resp: unanswered({ command: 'enquire_link_resp' }),
  unbind: { pdu: { command: 'unbind' }, ...everywhere('allowed') },
  unbind_resp: unanswered({ command: 'unbind_resp' }),
  generic_nack: unanswered({ command: 'generic_nack', command_status: 8 }),
  submit_sm: sending({ command: 'submit_sm', ...FROM, ...TO, ...LATER, short_message: TEXT }),
  submit_sm_resp: unanswered({ command: 'submit_sm_resp', message_id: NOBODYS }),
  submit_multi: sending({
    command: 'submit_multi',
    ...FROM,
    ...LATER,
    dest_address: [TO],
    short_message: TEXT,
  }),
  submit_multi_resp: unanswered({ command: 'submit_multi_resp', message_id: NOBODYS }),
  data_sm: sending({
    command: 'data_sm',
    ...FROM,
    ...TO,
    tlvs: [{ tag: TlvTag.message_payload, value: TEXT }],
  }),
  data_sm_resp: unanswered({ command: 'data_sm_resp', message_id: NOBODYS }),
  query_sm: aboutOwn({ command: 'query_sm', ...FROM, message_id: NOBODYS }),
  query_sm_resp: unanswered({ command: 'query_sm_resp', message_id: NOBODYS }),
  cancel_sm: aboutOwn({ command: 'cancel_sm', ...FROM, ...TO, message_id: NOBODYS }),
  cancel_sm_resp: unanswered({ command: 'cancel_sm_resp' }),
  replace_sm: sending({
    command: 'replace_sm',
    ...FROM,
    message_id: NOBODYS,
    short_message: Buffer.from('another text'),
  }),
  replace_sm_resp: unanswered({ command: 'replace_sm_resp' }),
  // An SMSC's: a partner has nothing to deliver to us.
  deliver_sm: needsBind(
    { command: 'deliver_sm', ...FROM, ...TO, short_message: TEXT },
    { receiver: 'ESME_RINVBNDSTS', suspended: 'ESME_RINVBNDSTS', good: 'ESME_RINVBNDSTS' },
  ),
  deliver_sm_resp: unanswered({ command: 'deliver_sm_resp' }),
  alert_notification: unanswered({ command: 'alert_notification', ...FROM }),
  broadcast_sm: notOffered({ command: 'broadcast_sm', ...FROM, message_id: NOBODYS }),
  broadcast_sm_resp: unanswered({ command: 'broadcast_sm_resp', message_id: NOBODYS }),
  query_broadcast_sm: notOffered({ command: 'query_broadcast_sm', ...FROM, message_id: NOBODYS }),
  query_broadcast_sm_resp: unanswered({ command: 'query_broadcast_sm_resp' }),
  cancel_broadcast_sm: notOffered({ command: 'cancel_broadcast_sm', ...FROM, message_id: NOBODYS }),
  cancel_broadcast_sm_resp: unanswered({ command: 'cancel_broadcast_sm_resp' }),
}

const COMMANDS = Object.keys(COMMAND_IDS) as CommandName[]
/** `unbind` last: it ends a session. */
const IN_TURN = [...COMMANDS.filter((command) => command !== 'unbind'), 'unbind' as const]
const ABOUT_A_MESSAGE = COMMANDS.filter(
  (command) => !isResponse(command) && 'message_id' in ROWS[command].pdu,
)
const BIND_COMMANDS = COMMANDS.filter(isBind)

/** A bind that is refused. */
interface BadBind {
  /** One account for each command where failures of an account make its next bind wait. */
  readonly systemId: string | ((place: number) => string)
  readonly password?: string
  readonly interfaceVersion?: number
  /** Kinds that are refused; absent: all. */
  readonly only?: readonly CommandName[]
  readonly status: CommandStatusName
  /** As the audit log and the metrics have it. */
  readonly reason: string
}

const BAD_BINDS: Readonly<Record<string, BadBind>> = {
  'an unknown system_id': {
    systemId: 'nobody',
    status: 'ESME_RINVSYSID',
    reason: 'unknown_system_id',
  },
  'no system_id': { systemId: '', status: 'ESME_RINVSYSID', reason: 'unknown_system_id' },
  'a wrong password': {
    systemId: (place) => `guessed${place}`,
    password: 'wrong',
    status: 'ESME_RINVPASWD',
    reason: 'wrong_password',
  },
  'no password': {
    systemId: (place) => `blank${place}`,
    password: '',
    status: 'ESME_RINVPASWD',
    reason: 'wrong_password',
  },
  'an address that is not allowed': {
    systemId: 'far',
    status: 'ESME_RBINDFAIL',
    reason: 'address_not_allowed',
  },
  'an address that is not allowed, in 5.0': {
    systemId: 'far',
    interfaceVersion: 0x50,
    status: 'ESME_RPROHIBITED',
    reason: 'address_not_allowed',
  },
  'no TLS where it is needed': {
    systemId: 'secure',
    status: 'ESME_RBINDFAIL',
    reason: 'tls_required',
  },
  'a kind of bind that is not allowed': {
    systemId: 'listening',
    only: ['bind_transmitter', 'bind_transceiver'],
    status: 'ESME_RBINDFAIL',
    reason: 'bind_type_not_allowed',
  },
  'one bind too many': { systemId: 'full', status: 'ESME_RALYBND', reason: 'too_many_binds' },
  'a tenant that is closed': {
    systemId: 'of-closed',
    status: 'ESME_RINVSYSID',
    reason: 'unknown_system_id',
  },
  'a tenant below one that is closed': {
    systemId: 'below-closed',
    status: 'ESME_RINVSYSID',
    reason: 'unknown_system_id',
  },
}

const postgresUrl = inject('postgresUrl')

describe.skipIf(postgresUrl === null)('every PDU with credentials that are not good', () => {
  const cleanUps: (() => Promise<unknown>)[] = []
  /** Refusals that were seen, binds apart, by command and status. */
  const refused = new Map<string, number>()
  let store: Store
  let gateway: TestGateway
  let operator: ApiClient
  let carrierPort: number
  let lastAddress = 0

  beforeAll(async () => {
    const carrier = await SmppPeer.listen()
    cleanUps.push(() => carrier.close())
    carrierPort = carrier.port
    const temporary = await temporaryFolder()
    cleanUps.push(temporary.remove)
    const database = await createTestDatabase(postgresUrl ?? '')
    cleanUps.push(database.drop)
    const place = { folder: temporary.path, databaseUrl: database.url }
    gateway = await openGateway(fileWith(), place)
    cleanUps.push(() => gateway.close())
    operator = new ApiClient(gateway.url, 'admin-key')
    store = await openForReading({ databaseUrl: database.url, dataDir: '' })
    cleanUps.push(() => store.close())
  })

  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  function fileWith({ status = 'active', without = '' } = {}): string {
    const file = JSON.parse(yamlFor({ name: 'alpha', port: carrierPort }))
    const perCommand = COMMANDS.flatMap((_, place) => [`guessed${place}`, `blank${place}`])
    const accounts: Record<string, object> = {
      good: {},
      sibling: {},
      short: { message_id_form: 'hex8' },
      'short-sibling': { message_id_form: 'hex8' },
      stranger: { tenant: 'other' },
      leaver: {},
      far: { allow_from: ['10.0.0.0/8'] },
      secure: { tls: 'required' },
      listening: { bind_types: ['receiver'] },
      full: { max_binds: 1 },
      'of-suspended': { tenant: 'suspended' },
      'of-closed': { tenant: 'closed' },
      'below-closed': { tenant: 'below' },
    }
    for (const name of perCommand) accounts[name] = {}
    delete accounts[without]
    return JSON.stringify({
      ...file,
      admin_keys: ['admin-key'],
      smpp: {
        host: '127.0.0.1',
        port: 0,
        tls: { port: 0, cert: TEST_CERTIFICATE, key: TEST_KEY },
      },
      balances: [{ tenant: 'demo', amount: '100', currency: 'EUR' }],
      tenants: [
        { ...file.tenants[0], billing: { currency: 'EUR' } },
        ...file.tenants.slice(1),
        { name: 'suspended', status },
        { name: 'closed', status: 'closed' },
        { name: 'below', parent: 'closed' },
      ],
      partners: Object.entries(accounts).map(([system_id, keys]) => ({
        system_id,
        password: 'pw',
        tenant: 'demo',
        ...keys,
      })),
    })
  }

  /** From an address that nobody else has, so that failures of others make no wait. */
  function connected(): Promise<HostilePeer> {
    lastAddress++
    const from = `127.3.${lastAddress >> 8}.${lastAddress & 0xff}`
    return HostilePeer.connect(gateway.smppPort, from)
  }

  async function bound(
    system_id: string,
    command: 'bind_transceiver' | 'bind_receiver' = 'bind_transceiver',
  ): Promise<HostilePeer> {
    const peer = await connected()
    peer.send({ command, ...BIND, system_id, sequence_number: 1 })
    expect(await peer.next(`${command}_resp`)).toMatchObject({ command_status: 0 })
    return peer
  }

  /** The statuses of what has come by the end of the connection, by the number of the request. */
  async function answersUntilClosed(peer: HostilePeer): Promise<Map<number, Pdu>> {
    await peer.closed
    return new Map(peer.unread.map((pdu) => [pdu.sequence_number, pdu]))
  }

  function expectAnswer(command: CommandName, answer: Pdu | undefined, expected: Outcome): void {
    const about = `${command}: ${expected}`
    if (expected === 'silence') {
      expect(answer, about).toBeUndefined()
      // It is refused all the same.
      if (!isResponse(command)) note(command, 'ESME_RINVBNDSTS')
      return
    }
    const status = expected === 'allowed' ? 'ESME_ROK' : expected
    expect(answer, about).toMatchObject({
      command: answerTo(command),
      command_status: CommandStatus[status],
    })
    note(command, status)
  }

  function note(command: CommandName, status: CommandStatusName): void {
    if (status === 'ESME_ROK') return
    const key = `${command} ${status}`
    refused.set(key, (refused.get(key) ?? 0) + 1)
  }

  /** Sends all PDUs over one session, and looks at what each has met. */
  async function expectColumn(
    peer: HostilePeer,
    column: 'receiver' | 'suspended' | 'good',
    commands: readonly CommandName[] = IN_TURN,
    message: { readonly message_id?: string } = {},
  ): Promise<void> {
    peer.send(...commands.map((command) => numbered(command, message)))
    const answers = await answersUntilClosed(peer)
    for (const command of commands) {
      expectAnswer(command, answers.get(at(command)), ROWS[command][column])
    }
  }

  /** A digest of every table but the audit log, and the figures that are added up from the others in time. */
  async function stored(): Promise<string> {
    // Has everything written.
    expect((await operator.get('/v1/messages?limit=1')).status).toBe(200)
    const tables = await store.query<{ name: string }>(sql`
      select table_name as name from information_schema.tables
      where table_schema = 'public' and table_name <> 'audit_entries' and table_name not like 'usage%'
      order by 1`)
    expect(tables.length).toBeGreaterThan(20)
    const digests = tables.map(
      ({ name }) => sql`
        select ${name} || md5(coalesce(string_agg(md5(t::text), '' order by t::text), '')) as digest
        from ${sql.identifier(name)} t`,
    )
    const rows = await store.query<{ digest: string }>(sql.join(digests, sql` union all `))
    return rows.map(({ digest }) => digest).join('\n')
  }

  async function expectUnchanged(run: () => Promise<void>): Promise<void> {
    const before = await stored()
    await run()
    expect(await stored()).toBe(before)
  }

  async function metric(line: string): Promise<number> {
    const { body } = await operator.get('/metrics')
    const found = String(body)
      .split('\n')
      .find((text) => text.startsWith(`${line} `))
    return Number(found?.split(' ').at(-1) ?? 0)
  }

  test('there is a row for each', () => {
    expect(Object.keys(ROWS).sort()).toEqual([...COMMANDS].sort())
    for (const command of COMMANDS) expect(ROWS[command].pdu.command).toBe(command)
  })

  test('without a bind', () =>
    expectUnchanged(async () => {
      for (const command of COMMANDS) {
        const { pdu, unbound } = ROWS[command]
        if (isBind(command)) continue
        const peer = await connected()
        peer.send({ ...pdu, sequence_number: 7 }, { command: 'unbind', sequence_number: 8 })
        const answers = await answersUntilClosed(peer)
        expectAnswer(command, answers.get(7), unbound)
        expect(answers.size).toBe(command === 'unbind' || unbound === 'silence' ? 1 : 2)
      }
    }))

  test('without a bind, three times: closed', () =>
    expectUnchanged(async () => {
      for (const command of COMMANDS) {
        const { pdu, unbound } = ROWS[command]
        if (unbound !== 'ESME_RINVBNDSTS') continue
        const peer = await connected()
        peer.send(...[7, 8, 9, 10].map((sequence_number) => ({ ...pdu, sequence_number })))
        const answers = await answersUntilClosed(peer)
        expect([...answers.keys()]).toEqual([7, 8, 9])
        for (const answer of answers.values()) expectAnswer(command, answer, unbound)
      }
    }))

  describe.each(Object.entries(BAD_BINDS))('a bind with %s', (_name, bad) => {
    const kinds = bad.only ?? BIND_COMMANDS
    const { system_id: _, ...rest } = BIND
    const bindAs = (command: CommandName, about: CommandName) =>
      ({
        command,
        ...rest,
        system_id: nameOf(bad, about),
        password: bad.password ?? 'pw',
        interface_version: bad.interfaceVersion ?? 0x34,
        sequence_number: 1,
      }) as PduInput
    const failures = (reason: string) =>
      metric(`linehaul_smpp_bind_failures_total{reason="${reason}"}`)

    test('is refused, and whatever comes with it', async () => {
      if (bad.systemId === 'full') await bound('full')
      const counted = (await failures(bad.reason)) + (await failures('abandoned'))
      let binds = 0
      const refuse = async (bind: CommandName, about: CommandName) => {
        binds++
        const peer = await connected()
        const { pdu, behindBind } = ROWS[about]
        const more = isBind(about) && bind === about ? [] : [{ ...pdu, sequence_number: 7 }]
        peer.send(bindAs(bind, about), ...more)
        const answers = await answersUntilClosed(peer)
        if (more.length > 0) expectAnswer(about, answers.get(7), behindBind)
        // Who takes his leave does not wait for the verdict.
        if (about === 'unbind') return
        expect(answers.get(1), `${bind} and ${about}`).toMatchObject({
          command: `${bind}_resp`,
          command_status: CommandStatus[bad.status],
        })
      }
      await expectUnchanged(async () => {
        // Last the unbind: an account whose bind was given up waits before its next.
        for (const command of IN_TURN) {
          if (!isBind(command)) await refuse(kinds[0] ?? 'bind_transceiver', command)
          else if (kinds.includes(command)) await refuse(command, command)
        }
      })
      expect((await failures(bad.reason)) + (await failures('abandoned'))).toBe(counted + binds)
    })
  })

  test('every bad bind stands in the audit log', async () => {
    await vi.waitFor(async () => {
      const entries = await store.query<{ key: string }>(sql`
        select distinct actor_name || ' ' || reason as key from audit_entries
        where action = 'bind.refused' and outcome = 'refused'`)
      const keys = Object.values(BAD_BINDS).map(
        (bad) => `${nameOf(bad, 'submit_sm')} ${bad.reason}`,
      )
      expect(entries.map(({ key }) => key)).toEqual(expect.arrayContaining(keys))
    }, 20_000)
  })

  test('bound as a receiver', async () => {
    const peer = await bound('good', 'bind_receiver')
    await expectUnchanged(() => expectColumn(peer, 'receiver'))
  })

  test('for a tenant that is suspended', async () => {
    const peer = await bound('of-suspended')
    peer.send({ ...ROWS.submit_sm.pdu, sequence_number: 2 })
    const { message_id } = await peer.next('submit_sm_resp')
    await gateway.configure(fileWith({ status: 'suspended' }))
    const commands = IN_TURN.filter(
      (command) => command === 'unbind' || ROWS[command].suspended !== 'allowed',
    )
    await expectUnchanged(() => expectColumn(peer, 'suspended', commands, { message_id }))
  })

  test('after the account has gone: nothing more is taken', async () => {
    const peer = await bound('leaver')
    await gateway.configure(fileWith({ status: 'suspended', without: 'leaver' }))
    const { sequence_number: last } = await peer.next('unbind')
    await expectUnchanged(async () => {
      peer.send(...IN_TURN.map((command) => numbered(command)))
      for (const command of IN_TURN) {
        if (ROWS[command].dismissed === 'silence') continue
        expectAnswer(command, await peer.next(answerTo(command)), ROWS[command].dismissed)
      }
      peer.send({ command: 'unbind_resp', sequence_number: last })
      expect((await answersUntilClosed(peer)).size).toBe(0)
    })
  })

  describe('about messages of others', () => {
    /** Ids that the asking account may have guessed, or have been told. */
    const foreign: Record<string, string> = {}

    beforeAll(async () => {
      const submit = ROWS.submit_sm.pdu
      for (const systemId of ['stranger', 'sibling', 'short-sibling']) {
        const peer = await bound(systemId)
        peer.send({ ...submit, sequence_number: 2 })
        foreign[`of ${systemId}`] = (await peer.next('submit_sm_resp')).message_id
        if (systemId === 'sibling') {
          peer.send({ ...ROWS.submit_multi.pdu, sequence_number: 3 })
          foreign['of a submit_multi'] = (await peer.next('submit_multi_resp')).message_id
        }
      }
      const sendAt = new Date(Date.now() + 3_600_000).toISOString()
      foreign['of HTTP'] = await gateway.api.send({
        to: `+${NUMBER}`,
        from: 'ACME',
        text: 'hello',
        send_at: sendAt,
      })
      expect(foreign['of short-sibling']).toMatch(/^[0-9A-F]{8}$/)
    })

    test.each(ABOUT_A_MESSAGE)('%s is answered as about one that there is not', (command) =>
      expectUnchanged(async () => {
        const { pdu, good } = ROWS[command]
        const isOffered = good === 'allowed'
        const expected: CommandStatusName = isOffered
          ? 'ESME_RINVMSGID'
          : (good as CommandStatusName)
        for (const systemId of ['good', 'short']) {
          const peer = await bound(systemId)
          const ask = async (message_id: string, more: object) => {
            const wish = { ...pdu, message_id, ...more, sequence_number: 5 } as PduInput
            peer.send(wish)
            const answer = await peer.next(answerTo(command))
            note(command, statusInfo(answer.command_status).name as CommandStatusName)
            return answer
          }
          for (const more of [{}, { source_addr_ton: 0, source_addr: '' }]) {
            const unknown = await ask(NOBODYS, more)
            expect(unknown.command_status).toBe(CommandStatus[expected])
            expect(await ask('3B9AFFFF', more)).toEqual(unknown)
            for (const [whose, id] of Object.entries(foreign)) {
              expect(await ask(id, more), `${systemId} about one ${whose}`).toEqual(unknown)
            }
          }
        }
      }),
    )

    test('a cancel_sm by addresses finds none of them', () =>
      expectUnchanged(async () => {
        const peer = await bound('good')
        const ask = async (destination_addr: string) => {
          const wish = { ...ROWS.cancel_sm.pdu, message_id: '', destination_addr }
          peer.send({ ...wish, sequence_number: 5 } as PduInput)
          const answer = await peer.next('cancel_sm_resp')
          note('cancel_sm', 'ESME_RCANCELFAIL')
          return answer
        }
        const unknown = await ask('447700900999')
        expect(unknown.command_status).toBe(CommandStatus.ESME_RCANCELFAIL)
        expect(await ask(NUMBER)).toEqual(unknown)
      }))
  })

  test('what is good is taken', async () => {
    const first = await bound('good')
    first.send({ ...ROWS.submit_sm.pdu, sequence_number: 2 })
    const { message_id } = await first.next('submit_sm_resp')
    // In this order: what is canceled cannot be replaced.
    for (const command of ['query_sm', 'replace_sm', 'cancel_sm'] as const) {
      first.send({ ...ROWS[command].pdu, message_id, sequence_number: 3 } as PduInput)
      expectAnswer(command, await first.next(`${command}_resp`), ROWS[command].good)
    }
    const own: readonly CommandName[] = ['query_sm', 'replace_sm', 'cancel_sm']
    await expectColumn(
      await bound('good'),
      'good',
      IN_TURN.filter((command) => !own.includes(command)),
    )
  })

  test('the metrics have every refusal', async () => {
    const { body } = await operator.get('/metrics')
    const counted = new Map<string, number>()
    const line = /^linehaul_smpp_requests_refused_total\{command="(\w+)",status="(\w+)"\} (\d+)$/gm
    for (const [, command, status, count] of String(body).matchAll(line)) {
      counted.set(`${command} ${status}`, Number(count))
    }
    expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(refused))
  })
})

function nameOf({ systemId }: BadBind, about: CommandName): string {
  return typeof systemId === 'string' ? systemId : systemId(COMMANDS.indexOf(about))
}

function answerTo(command: CommandName): CommandName {
  return responseNameOf(command) ?? 'generic_nack'
}

/** The PDU of a row, about another message where one is given. */
function numbered(command: CommandName, { message_id }: { message_id?: string } = {}): PduInput {
  const { pdu } = ROWS[command]
  const isAbout = message_id !== undefined && 'message_id' in pdu
  return { ...pdu, ...(isAbout && { message_id }), sequence_number: at(command) } as PduInput
}

/** A number of its own for the PDU of each command. */
function at(command: CommandName): number {
  return 100 + COMMANDS.indexOf(command)
}
