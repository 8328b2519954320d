import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reconcileFile } from '../../src/reconcile-command.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const OPERATOR = { authorization: 'Bearer admin-key', 'content-type': 'text/csv' }
const PATH = '/v1/billing/reconciliations'

let app: TestApp

beforeAll(async () => {
  app = await openTestApp()
  const accepted = await app.post({ to: '+447700900123', from: 'ACME', text: 'Hello' })
  const { id } = (await accepted.json()) as { id: string }
  await app.settled()
  await app.store.query(sql`
    insert into attempts (message_id, attempt, segment, carrier, state, carrier_message_id, match_key,
      submitted_at, cost_micros, cost_currency, carrier_deck_version)
    values (${id}, 1, 1, 'alpha', 'delivered', 'A1', 'a1', '2026-10-15T12:00:00Z', 35000, 'EUR', 0)`)
})
afterAll(() => app.close())

function compare(query: string, body: string, headers: Record<string, string> = OPERATOR) {
  return app.request(`${PATH}?${query}`, { method: 'POST', body, headers })
}

describe('POST /v1/billing/reconciliations', () => {
  it('says what is equal and what is not, with numbers masked', async () => {
    const answer = await compare(
      'carrier=alpha&month=2026-10&currency=EUR&columns=id%3Dref',
      'ref,to,amount\na1,447700900999,0.035\nb2,447700900124,0.5\n',
    )
    expect(answer.status).toBe(200)
    const report = await answer.json()
    expect(report).toMatchObject({
      carrier: 'alpha',
      from: '2026-10-01T00:00:00.000Z',
      before: '2026-11-01T00:00:00.000Z',
      is_equal: false,
      lines: 2,
      mistake_count: 0,
      matched: { lines: 1, ours: [{ amount: '0.0350', currency: 'EUR' }] },
    })
    const found = report as unknown as {
      differences: { kind: string; count: number; examples: object[] }[]
    }
    expect(found.differences.filter(({ count }) => count > 0)).toMatchObject([
      {
        kind: 'theirs_not_ours',
        examples: [{ line: 3, carrier_message_id: 'b2', ours: null, message_id: null }],
      },
      {
        kind: 'destination_differs',
        examples: [
          {
            line: 2,
            theirs: { to: '44770*******', cost: { amount: '0.0350' } },
            ours: { to: '+44770*******', segments: 1 },
          },
        ],
      },
    ])
  })

  it.each([
    ['carrier=alpha', 422, 'period_invalid'],
    ['carrier=alpha&month=2026-10&from=2026-10-01T00:00:00Z', 422, 'period_invalid'],
    ['carrier=alpha&from=2026-10-02T00:00:00Z&before=2026-10-01T00:00:00Z', 422, 'period_invalid'],
    ['carrier=alpha&month=2026-13', 422, 'validation_failed'],
    ['carrier=nobody&month=2026-10', 404, 'not_found'],
    ['carrier=alpha&month=2026-10&columns=x', 422, 'file_invalid'],
  ])('refuses %s with %i %s', async (query, status, code) => {
    const answer = await compare(query, 'id\n1\n')
    expect(await problemIn(answer)).toMatchObject({ status, code })
  })

  it('is for operators, and for CSV that has a column of ids', async () => {
    const query = 'carrier=alpha&month=2026-10'
    const tenant = { ...OPERATOR, authorization: 'Bearer demo-key' }
    expect((await compare(query, 'id\n', tenant)).status).toBe(403)
    const wrongType = { ...OPERATOR, 'content-type': 'application/json' }
    expect((await compare(query, '{}', wrongType)).status).toBe(415)
    expect(await problemIn(await compare(query, 'foo\n'))).toMatchObject({ code: 'file_invalid' })
  })
})

describe('linehaul reconcile', () => {
  let server: Server
  let folder: string
  const lines: string[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'linehaul-reconcile-'))
    // What the command sends goes to the app as it came.
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const { authorization = '' } = request.headers
      const answer = await app.request(request.url ?? '', {
        method: 'POST',
        body: Buffer.concat(chunks).toString(),
        headers: { authorization, 'content-type': request.headers['content-type'] ?? '' },
      })
      response.writeHead(answer.status).end(await answer.text())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true })
  })

  async function reconcile(content: string, format: 'text' | 'json' | 'csv', carrier = 'alpha') {
    lines.length = 0
    const file = join(folder, 'cdr.csv')
    await writeFile(file, content)
    const { port } = server.address() as AddressInfo
    const say = (line: string) => lines.push(line)
    const command = { url: `http://127.0.0.1:${port}`, key: 'admin-key', say, complain: say }
    const choice = { carrier, file, format, month: '2026-10' }
    return reconcileFile(command, choice)
  }

  it('is content where there is no difference', async () => {
    expect(await reconcile('id,amount,currency\nA1,0.035,EUR\n', 'text')).toBe(true)
    expect(lines).toEqual([
      'alpha, 2026-10-01T00:00:00.000Z to 2026-11-01T00:00:00.000Z: 1 lines',
      '1 matched: theirs 0.0350 EUR; ours 0.0350 EUR',
      'there is no difference',
    ])
  })

  it('prints the differences as text, JSON or CSV', async () => {
    const file = 'id,amount,currency\nA1,0.04,EUR\n'
    expect(await reconcile(file, 'text')).toBe(false)
    expect(lines[2]).toBe('1 another price: theirs 0.0400 EUR; ours 0.0350 EUR')
    expect(lines[3]).toMatch(
      /^ {2}line 2, id A1, message \S+, theirs 0.0400 EUR, ours \+44770\*{7} 1 segments 0.0350 EUR$/,
    )
    expect(await reconcile(file, 'json')).toBe(false)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ is_equal: false, lines: 1 })
    expect(await reconcile(file, 'csv')).toBe(false)
    expect(lines[1]).toMatch(/^price_differs,2,A1,.*,,\+44770\*{7},,1,0.0400,EUR,0.0350,EUR$/)
  })

  it('says what stands in its way', async () => {
    expect(await reconcile('id\n', 'text', 'nobody')).toBe(false)
    expect(lines).toEqual(['not_found: there is no carrier "nobody"'])
  })
})
