import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

function numbers(...args: readonly string[]): Promise<Ended> {
  return runCommand(['numbers', ...args, '--url', gateway.url], {
    cwd: place.path,
    env: environmentFor(place.path),
    from: 'source',
  })
}

async function file(name: string, text: string): Promise<string> {
  const path = join(place.path, name)
  await writeFile(path, text)
  return path
}

test('import, look up, port, restore', async () => {
  const names = await file('names.csv', 'mccmnc,name,country\n23420,Three,GB\n')
  expect(await numbers('import', names, '--format', 'names')).toMatchObject({
    code: 0,
    stdout: '1 rows were taken in\n',
  })
  const google = await file('44.txt', '# Google\n447400|Three\n447500|Sky\n')
  expect((await numbers('import', google, '--preview')).stdout).toBe(
    '  447400           - -> 23420 Three\n' +
      '  447500           - -> GB-sky Sky\n' +
      '2 new, 0 changed, 0 gone, 0 as before\n' +
      '2 rows would be taken in\n',
  )
  expect((await numbers('import', google)).code).toBe(0)

  const shown = await numbers('lookup', '+447400123456')
  expect(shown).toMatchObject({ code: 0, stderr: '' })
  expect(shown.stdout).toMatch(/^country +GB \(europe\)$/m)
  expect(shown.stdout).toMatch(/^network +23420 Three, from its range$/m)

  const ported = await file('ported.csv', 'number,mccmnc\n447400123456,23430\n')
  expect((await numbers('import', ported, '--format', 'ported')).code).toBe(0)
  const after = await numbers('lookup', '+447400123456')
  expect(after.stdout).toMatch(/^network +23430 23430, from the table of ported numbers$/m)
  expect((await numbers('remove', '+447400123456')).stdout).toBe('+447400123456 is out\n')

  const wrong = await file('wrong.csv', 'prefix,mccmnc,name\n+44,23415,X\n')
  expect(await numbers('import', wrong)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^line 2: prefix "\+44" .*\nrefused \(file_invalid\): 1 line/),
  })

  await numbers('import', await file('none.csv', 'prefix,mccmnc,name\n'))
  const listed = await numbers('list')
  const id = /^(\S+) .* 44\.txt$/m.exec(listed.stdout)?.[1] ?? ''
  expect(listed.stdout).toMatch(/^0 ranges, 1 names of networks, 0 ported numbers\n/)
  expect((await numbers('restore', id)).stdout).toMatch(/^2 ranges/)
})

test('refuses what is no command, and says what is missing', async () => {
  for (const args of [[], ['find'], ['lookup'], ['set', '+447400123456'], ['import', 'a', 'b']]) {
    expect(await numbers(...args), args.join(' ')).toMatchObject({ code: 2 })
  }
  const missing = await numbers('import', 'nowhere.csv')
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('nowhere.csv') })
})
