import { type ApiAccess, type ApiProblem, callApi } from './api-call.ts'

/** How a command speaks to the gateway and to its caller. */
export interface KeyCommand extends ApiAccess {
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** A new key as the command line has it; lists are divided by commas. */
export interface KeyWish {
  readonly name: string
  readonly scopes: string
  readonly tenant?: string | undefined
  readonly expires?: string | undefined
  readonly from?: string | undefined
  readonly signing?: string | undefined
}

interface ListedKey {
  readonly id: string
  readonly source: string
  readonly name: string | null
  readonly key_name: string
  readonly tenant: string | null
  readonly is_operator: boolean
  readonly signing: string
  readonly scopes: readonly string[]
  readonly expires_at: string | null
  readonly revoked_at: string | null
  readonly previous_until: string | null
  readonly is_usable: boolean
  readonly last_used_at: string | null
  readonly last_address: string | null
}

interface ShownKey extends ListedKey {
  readonly key?: string
  readonly secret?: string
}

interface KeyPage {
  readonly keys: readonly ListedKey[]
  readonly next_cursor: string | null
}

/** Prints every key, or those of a tenant; false when that did not work. */
export async function listKeys(command: KeyCommand, tenant: string | undefined): Promise<boolean> {
  const query = new URLSearchParams({ limit: '500', ...(tenant !== undefined && { tenant }) })
  for (;;) {
    const page = await callApi<KeyPage>(command, 'GET', `/v1/keys?${query}`)
    if (isProblem(command, page)) return false
    for (const key of page.keys) sayKey(command, key)
    if (page.next_cursor === null) return true
    query.set('cursor', page.next_cursor)
  }
}

/** Makes a key and prints it, this once; false when that did not work. */
export async function createKey(command: KeyCommand, wish: KeyWish): Promise<boolean> {
  const { name, scopes, tenant, expires, from, signing } = wish
  const made = await callApi<ShownKey>(command, 'POST', '/v1/keys', {
    name,
    scopes: listOf(scopes),
    ...(tenant !== undefined && { tenant }),
    ...(expires !== undefined && { expires_at: expires }),
    ...(from !== undefined && { allow_from: listOf(from) }),
    ...(signing !== undefined && { signing }),
  })
  if (isProblem(command, made)) return false
  saySecret(command, made)
  return true
}

/** Replaces a key and prints the new one, this once; false when that did not work. */
export async function rotateKey(
  command: KeyCommand,
  id: string,
  overlapHours: number | undefined,
): Promise<boolean> {
  const path = `/v1/keys/${encodeURIComponent(id)}/rotate`
  const body = overlapHours === undefined ? {} : { overlap_hours: overlapHours }
  const rotated = await callApi<ShownKey>(command, 'POST', path, body)
  if (isProblem(command, rotated)) return false
  saySecret(command, rotated)
  const { previous_until: until } = rotated
  command.say(until === null ? 'the old one is good no more' : `the old one is good until ${until}`)
  return true
}

/** Ends a key for good; false when that did not work. */
export async function revokeKey(command: KeyCommand, id: string): Promise<boolean> {
  const path = `/v1/keys/${encodeURIComponent(id)}/revoke`
  const revoked = await callApi<ListedKey>(command, 'POST', path)
  if (isProblem(command, revoked)) return false
  command.say(`${id} is revoked since ${revoked.revoked_at}`)
  return true
}

function sayKey({ say }: KeyCommand, key: ListedKey): void {
  const columns = [
    key.id.padEnd(36),
    key.key_name,
    (key.tenant ?? 'operator').padEnd(12),
    standingOf(key).padEnd(9),
    (key.last_used_at ?? 'never used').padEnd(24),
    (key.last_address ?? '-').padEnd(15),
    key.name ?? '(configuration)',
  ]
  say(columns.join('  '))
}

function standingOf({ is_usable: isUsable, revoked_at: revokedAt, signing }: ListedKey): string {
  if (revokedAt !== null) return 'revoked'
  if (!isUsable) return 'unusable'
  return signing === 'none' ? 'usable' : `signs ${signing}`
}

function saySecret({ say }: KeyCommand, { id, key, secret, scopes, signing }: ShownKey): void {
  say(`id      ${id}`)
  if (key !== undefined) say(`key     ${key}`)
  if (secret !== undefined) say(`secret  ${secret}   (signing: ${signing})`)
  say(`scopes  ${scopes.join(', ')}`)
  say('It is not shown again.')
}

function listOf(text: string): string[] {
  return text.split(',').map((each) => each.trim())
}

function isProblem({ complain }: KeyCommand, answer: ApiProblem): boolean {
  if (answer.code === undefined) return false
  complain(`refused (${answer.code}): ${answer.detail}`)
  return true
}
