import { describe, expect, it } from 'vitest'
import { readFlatXml } from '../../src/providers/flat-xml.ts'

describe('flat XML', () => {
  it.each([
    ['<R/>', {}],
    ['<R></R>', {}],
    ['<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<R>\n <a>1</a>\n</R>\n', { a: '1' }],
    ['\uFEFF<R><a> x </a><b/><c></c></R>', { a: ' x ', b: '', c: '' }],
    ['<R><a>&lt;b&gt; &amp;amp; &quot;&apos;</a></R>', { a: '<b> &amp; "\'' }],
    ['<R><a>&#20320;&#x597D;&#x1F600;</a></R>', { a: '你好😀' }],
    ['<R><a>x<![CDATA[<b>&amp;]]]>y</a></R>', { a: 'x<b>&amp;]y' }],
    ['<R><a>退订\nTD</a></R>', { a: '退订\nTD' }],
    ['<R><__proto__>1</__proto__></R>', JSON.parse('{"__proto__":"1"}')],
  ])('reads %j', (text, fields) => {
    const read = readFlatXml(text)
    expect(read.root).toBe('R')
    expect(Object.fromEntries(read.fields)).toEqual(fields)
  })

  it.each([
    ['', 'at 0, wanted an element'],
    ['{"R":1}', 'at 0, wanted an element'],
    ['<!DOCTYPE R [<!ENTITY a "b">]><R/>', 'at 0, wanted an element'],
    ['<R><a>&a;</a></R>', 'at 6, wanted text or </a>'],
    ['<R><a>&</a></R>', 'at 6, wanted text or </a>'],
    ['<R><a>&#0;</a></R>', 'wanted a character instead of &#0;'],
    ['<R><a>&#xD800;</a></R>', 'wanted a character instead of &#xD800;'],
    ['<R><a>&#x110000;</a></R>', 'wanted a character instead of &#x110000;'],
    ['<R><a><b/></a></R>', 'at 6, wanted text or </a>'],
    ['<R><a>1</a><a>2</a></R>', 'wanted one <a>'],
    ['<R><a x="1">1</a></R>', 'at 3, wanted an element without attributes'],
    ['<R><!-- x --></R>', 'at 3, wanted an element without attributes'],
    ['<R>text</R>', 'at 3, wanted an element without attributes'],
    ['<R><a>1</b></R>', 'wanted </a>'],
    ['<R><a>1</a></S>', 'wanted </R>'],
    ['<R><a>1</a>', 'at 11, wanted an element without attributes'],
    ['<R><a><![CDATA[x</a></R>', 'at 6, wanted text or </a>'],
    ['<R/><R/>', 'at 4, wanted the end'],
    ['<?xml version="1.0" encoding="GBK"?><R/>', 'wanted UTF-8 instead of GBK'],
    ['<?xml-stylesheet href="x"?><R/>', 'at 0, wanted an element'],
  ])('refuses %j', (text, message) => {
    expect(() => readFlatXml(text)).toThrow(message)
  })

  it('reads a large text in time that grows with its length only', () => {
    const text = '&lt;'.repeat(200_000)
    expect(readFlatXml(`<R><a>${text}</a></R>`).fields.get('a')).toHaveLength(200_000)
  })
})
