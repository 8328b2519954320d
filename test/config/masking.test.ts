import { describe, expect, it } from 'vitest'
import { describeSettings } from '../../src/config/describe.ts'
import { SecretMasks } from '../../src/config/masking.ts'
import { writtenValues } from '../../src/config/written.ts'

const DOCUMENT = `
# the old password was hunter0
admin_keys: [operator-key-1, "\${OPERATOR_KEY}"]
tenants:
  - name: demo
    api_keys: [tenant-key-1, tenant-key-2]
carriers:
  - name: alpha
    password: "0123"
    outbind_password: \${OUT}x
    system_id: linehaul
  - name: beta
    password: 0123   # a number to YAML
partners:
  - { system_id: p1, password: '$\${X}' }
encryption:
  keys: [{ id: k1, key: "\${KEY}" }]
`

const SECRETS = ['operator-key-1', 'tenant-key-1', 'tenant-key-2', '0123', 'hunter0', 'OUT', '$$']

const masks = new SecretMasks()
const values = writtenValues(DOCUMENT)
const masked = masks.masked(values)

describe('a masked document', () => {
  it('has no secret that stands in it, and keeps names of variables', () => {
    const text = JSON.stringify(masked)
    for (const secret of SECRETS) expect(text).not.toContain(secret)
    expect(masked).toMatchObject({
      admin_keys: [expect.stringMatching(/^<secret:[0-9a-f]{12}>$/), `\${OPERATOR_KEY}`],
      carriers: [{ name: 'alpha', system_id: 'linehaul' }, { name: 'beta' }],
      encryption: { keys: [{ id: 'k1', key: `\${KEY}` }] },
    })
  })

  it('masks every setting that is described as a secret', () => {
    const secrets = describeSettings().filter(({ isSecret }) => isSecret)
    for (const { path } of secrets) {
      const leaf = path.split('.').reduceRight<unknown>((inner, key) => {
        return key.endsWith('[]') ? { [key.slice(0, -2)]: [inner] } : { [key]: inner }
      }, 'S3CRET')
      expect(JSON.stringify(masks.masked(leaf as Record<string, unknown>)), path).not.toContain(
        'S3CRET',
      )
    }
  })

  it('shows where two secrets are the same, to nobody outside the process', () => {
    const [alpha, beta] = masked.carriers as { password: string }[]
    expect(alpha?.password).toBe(beta?.password)
    const other = new SecretMasks().masked(values).carriers as { password: string }[]
    expect(other[0]?.password).not.toBe(alpha?.password)
  })
})

describe('a masked document that comes back', () => {
  it('has its secrets again, as they were written', () => {
    const restored = masks.restored(JSON.stringify(masked), values)
    expect(restored.ok && writtenValues(restored.text)).toEqual(values)
  })

  it('keeps its form, and secrets follow their masks to another place', () => {
    const [first, second] = (masked.tenants as { api_keys: string[] }[])[0]?.api_keys ?? []
    const text = `# kept\ntenants:\n  - name: renamed\n    api_keys: ["${second}", ${first}]  # kept\n`
    expect(masks.restored(text, values)).toEqual({
      ok: true,
      text: text.replace(`"${second}"`, '"tenant-key-2"').replace(`${first}]`, '"tenant-key-1"]'),
    })
  })

  it('is refused where a mask stands for nothing, or would bring a secret into the open', () => {
    const [first] = (masked.tenants as { api_keys: string[] }[])[0]?.api_keys ?? []
    const text = `tenants:\n  - name: "${first}"\n    api_keys: ["<secret:0123456789ab>"]\n`
    expect(masks.restored(text, values)).toMatchObject({
      ok: false,
      mistakes: [
        { path: 'tenants[0].name', line: 2, message: expect.stringContaining('no secret') },
        { path: 'tenants[0].api_keys[0]', line: 3 },
      ],
    })
  })
})
