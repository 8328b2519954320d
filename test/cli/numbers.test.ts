import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type FileChoice,
  importFile,
  listNetworks,
  portNumber,
  restoreNetworks,
  showNumber,
} from '../../src/number-commands.ts'
import {
  environmentFor,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { type Ended, runCommand } from '../support/gateway-process.ts'

let gateway: TestGateway
let place: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  place = await temporaryFolder()
  const file = { ...JSON.parse(yamlFor({ name: 'alpha', port: 1 })), admin_keys: ['operator-1'] }
  gateway = await openGateway(JSON.stringify(file), { folder: place.path })
})

afterAll(async () => {
  await gateway.close()
  await place.remove()
})

/** What an action says and complains of, without a process of its own. */
async function told(
  run: (command: Parameters<typeof listNetworks>[0]) => Promise<boolean>,
): Promise<{ readonly isDone: boolean; readonly said: string; readonly complained: string }> {
  const said: string[] = []
  const complained: string[] = []
  const isDone = await run({
    url: gateway.url,
    key: 'operator-1',
    say: (line) => said.push(line),
    complain: (line) => complained.push(line),
  })
  return { isDone, said: said.join('\n'), complained: complained.join('\n') }
}

function imported(path: string, choice: FileChoice = {}) {
  return told((command) => importFile(command, path, choice))
}

function lookedUp(number: string) {
  return told((command) => showNumber(command, number, false))
}

function numbers(...args: readonly string[]): Promise<Ended> {
  return runCommand(['numbers', ...args], {
    cwd: place.path,
    env: environmentFor(place.path, { LINEHAUL_CONFIG: join(place.path, 'linehaul.yaml') }),
  })
}

async function file(name: string, text: string): Promise<string> {
  const path = join(place.path, name)
  await writeFile(path, text)
  return path
}

test('import, look up, port, restore', async () => {
  const names = await file('names.csv', 'mccmnc,name,country\n23420,Three,GB\n')
  expect(await imported(names, { format: 'names' })).toEqual({
    isDone: true,
    said: '1 rows were taken in',
    complained: '',
  })
  const google = await file('44.txt', '# Google\n447400|Three\n447500|Sky\n')
  expect((await imported(google, { preview: true })).said.split('\n')).toEqual([
    '  447400           - -> 23420 Three',
    '  447500           - -> GB-sky Sky',
    '2 new, 0 changed, 0 gone, 0 as before',
    '2 rows would be taken in',
  ])
  expect((await imported(google)).isDone).toBe(true)

  const shown = await lookedUp('+447400123456')
  expect(shown).toMatchObject({ isDone: true, complained: '' })
  expect(shown.said).toMatch(/^country +GB \(europe\)$/m)
  expect(shown.said).toMatch(/^network +23420 Three, from its range$/m)

  const ported = await file('ported.csv', 'number,mccmnc\n447400123456,23430\n')
  expect((await imported(ported, { format: 'ported', replace: true })).isDone).toBe(true)
  expect((await lookedUp('+447400123456')).said).toMatch(
    /^network +23430 23430, from the table of ported numbers$/m,
  )
  await told((command) => portNumber(command, '+447400123456', '23420'))
  expect((await lookedUp('+447400123456')).said).toMatch(/^network +23420 Three, from the table/m)
  const out = await told((command) => portNumber(command, '+447400123456', undefined))
  expect(out).toMatchObject({ isDone: true, said: '+447400123456 is out' })
  const again = await told((command) => portNumber(command, '+447400123456', undefined))
  expect(again).toMatchObject({
    isDone: false,
    complained: expect.stringMatching(/^refused \(not_found\)/),
  })

  const wrong = await file('wrong.csv', 'prefix,mccmnc,name\n+44,23415,X\n')
  expect(await imported(wrong)).toMatchObject({
    isDone: false,
    complained: expect.stringMatching(
      /^line 2: prefix "\+44" .*\nrefused \(file_invalid\): 1 line/,
    ),
  })
  expect(await imported(wrong, { preview: true })).toMatchObject({
    isDone: false,
    complained: expect.stringMatching(
      /^line 2: prefix "\+44" .*\n1 mistakes: it would be refused$/,
    ),
  })

  await imported(await file('none.csv', 'prefix,mccmnc,name\n'))
  const listed = await told(listNetworks)
  const id = /^(\S+) .* 44\.txt$/m.exec(listed.said)?.[1] ?? ''
  expect(listed.said).toMatch(/^0 ranges, 1 names of networks, 0 ported numbers\n/)
  expect((await told((command) => restoreNetworks(command, id))).said).toMatch(/^2 ranges/)
})

test('the command line takes the first key of the operator, and says what is missing', async () => {
  const [listed, ...wrong] = await Promise.all([
    numbers('list', '--url', gateway.url),
    numbers('find'),
    numbers('set', '+447400123456'),
  ])
  expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(/ranges/) })
  expect(wrong).toMatchObject([
    { code: 2, stderr: expect.stringMatching(/^numbers needs one of: lookup, import/) },
    { code: 2, stderr: expect.stringMatching(/^numbers set needs NUMBER and MCCMNC/) },
  ])
})
