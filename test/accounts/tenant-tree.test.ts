import { describe, expect, it } from 'vitest'
import { TenantTree } from '../../src/accounts/tenant-tree.ts'
import type { TenantStatus } from '../../src/core/tenant-status.ts'

function place(name: string, parent?: string, status: TenantStatus = 'active') {
  return { tenant: { id: `id-${name}`, name }, parent, status }
}

describe('the tree of tenants', () => {
  const tree = new TenantTree([
    // A tenant may stand before the one that it is below.
    place('shop', 'reseller'),
    place('reseller', 'wholesale', 'suspended'),
    place('closed shop', 'reseller', 'closed'),
    place('wholesale'),
    place('other', 'gone'),
  ])

  it.each<[string, TenantStatus]>([
    ['wholesale', 'active'],
    ['reseller', 'suspended'],
    ['shop', 'suspended'],
    ['closed shop', 'closed'],
    ['other', 'active'],
    ['nobody', 'active'],
  ])('%s is %s', (name, status) => {
    expect(tree.statusOf(`id-${name}`)).toBe(status)
  })

  it('closes what is below a closed tenant, however active it is itself', () => {
    const closed = new TenantTree([place('top', undefined, 'closed'), place('below', 'top')])
    expect(closed.statusOf('id-below')).toBe('closed')
  })

  it.each([
    ['shop', 'reseller', true],
    ['shop', 'wholesale', true],
    ['shop', 'shop', false],
    ['reseller', 'shop', false],
    ['shop', 'closed shop', false],
    ['shop', 'other', false],
    ['nobody', 'wholesale', false],
  ])('%s is below %s: %s', (one, above, expected) => {
    expect(tree.isBelow(`id-${one}`, `id-${above}`)).toBe(expected)
  })

  it('knows who is directly above, and everybody up to the top', () => {
    expect(tree.parentOf('id-shop')?.name).toBe('reseller')
    expect(tree.parentOf('id-other')).toBeUndefined()
    const chain = tree.chainOf('id-shop').map(({ name }) => name)
    expect(chain).toEqual(['shop', 'reseller', 'wholesale'])
  })
})
