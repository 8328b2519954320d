import { describe, expect, it } from 'vitest'
import { checkLinks } from '../../src/carriers/link-check.ts'
import { RequestError } from '../../src/smpp/errors.ts'

const link = (label: string, checkLink: () => Promise<number>) => ({
  label,
  session: { checkLink },
})
const answers = (ms: number) => () => Promise.resolve(ms)
const fails = (code: string) => () => Promise.reject(new RequestError(code, 'x', true))
const silent = () => new Promise<number>(() => {})

describe('checkLinks', () => {
  it('gives the time of the slowest', async () => {
    const links = [link('a', answers(3)), link('b', answers(40)), link('c', answers(7))]
    expect(await checkLinks(links, 1_000)).toEqual({ kind: 'answered', latencyMs: 40 })
  })

  it('fails where one does not answer, and says which', async () => {
    const links = [link('transceiver-1', answers(3)), link('transceiver-2', silent)]
    expect(await checkLinks(links, 5)).toEqual({
      kind: 'no_answer',
      reason: 'no answer to enquire_link on transceiver-2 in time',
    })
    const late = [link('receiver-1', fails('response_timeout'))]
    expect(await checkLinks(late, 1_000)).toMatchObject({ kind: 'no_answer' })
  })

  it('says nothing of connections that break meanwhile, and of none', async () => {
    const gone = link('a', fails('session_closed'))
    expect(await checkLinks([gone, link('b', answers(3))], 1_000)).toEqual({
      kind: 'answered',
      latencyMs: 3,
    })
    for (const links of [[gone], []]) {
      expect(await checkLinks(links, 1_000)).toEqual({ kind: 'not_asked', reason: 'no bind is up' })
    }
  })
})
