/** The locking and single shift tables of one national language. */
export interface LanguageTables {
  readonly name: string
  /**
   * The character of each septet 0x00 to 0x7F; U+0000 where none is assigned, U+001B for the escape.
   * Undefined where the language has no locking shift table: the default alphabet applies.
   */
  readonly locking: string | undefined
  /** The septets that may follow the escape, two hex digits each, ascending. */
  readonly singleSeptets: string
  /** The characters of `singleSeptets`, in the same order. */
  readonly singleCharacters: string
}

/**
 * The GSM 7-bit tables by national language identifier, 0 (default alphabet and extension) to 13.
 *
 * Combining marks and right-to-left letters are written as escapes, so that every row reads in septet
 * order.
 *
 * @see 3GPP TS 23.038, section 6.2.1 and annex A
 */
export const GSM7_LANGUAGES: readonly LanguageTables[] = [
  {
    name: 'Default',
    locking:
      '@£$¥èéùìòÇ\nØø\rÅå' +
      'Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ' +
      ' !"#¤%&\'()*+,-./' +
      '0123456789:;<=>?' +
      '¡ABCDEFGHIJKLMNO' +
      'PQRSTUVWXYZÄÖÑÜ§' +
      '¿abcdefghijklmno' +
      'pqrstuvwxyzäöñüà',
    singleSeptets: '0a1428292f3c3d3e4065',
    singleCharacters: '\f^{}\\[~]|€',
  },
  {
    name: 'Turkish',
    locking:
      '@£$¥€éùıòÇ\nĞğ\rÅå' +
      'Δ_ΦΓΛΩΠΨΣΘΞ\x1bŞşßÉ' +
      ' !"#¤%&\'()*+,-./' +
      '0123456789:;<=>?' +
      'İABCDEFGHIJKLMNO' +
      'PQRSTUVWXYZÄÖÑÜ§' +
      'çabcdefghijklmno' +
      'pqrstuvwxyzäöñüà',
    singleSeptets: '0a1428292f3c3d3e404749536365676973',
    singleCharacters: '\f^{}\\[~]|ĞİŞç€ğış',
  },
  {
    name: 'Spanish',
    locking: undefined,
    singleSeptets: '090a1428292f3c3d3e4041494f556165696f75',
    singleCharacters: 'ç\f^{}\\[~]|ÁÍÓÚá€íóú',
  },
  {
    name: 'Portuguese',
    locking:
      '@£$¥êéúíóç\nÔô\rÁá' +
      'Δ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ' +
      ' !"#º%&\'()*+,-./' +
      '0123456789:;<=>?' +
      'ÍABCDEFGHIJKLMNO' +
      'PQRSTUVWXYZÃÕÚÜ§' +
      '~abcdefghijklmno' +
      'pqrstuvwxyzãõ`üà',
    singleSeptets:
      '05090a0b0c0e0f12131415161718191f28292f3c3d3e4041494f555b5c616569' + '6f757b7c7f',
    singleCharacters: 'êç\fÔôÁáΦΓ^ΩΠΨΣΘÊ{}\\[~]|ÀÍÓÚÃÕÂ€í' + 'óúãõâ',
  },
  {
    name: 'Bengali and Assamese',
    locking:
      '\u0981\u0982\u0983অআইঈউঊঋ\nঌ\0\r\0এ' +
      'ঐ\0\0ওঔকখগঘঙচ\x1bছজঝঞ' +
      ' !টঠডঢণত)(থদ,ধ.ন' +
      '0123456789:;\0পফ?' +
      'বভমযর\0ল\0\0\0শষসহ\u09bcঽ' +
      '\u09be\u09bf\u09c0\u09c1\u09c2\u09c3\u09c4\0\0\u09c7\u09c8\0\0\u09cb\u09cc\u09cd' +
      'ৎabcdefghijklmno' +
      'pqrstuvwxyz\u09d7ড়ঢ়ৰৱ',
    singleSeptets:
      '000102030405060708090a0b0c0e0f101112131415161718191a1c1d1e1f2021' +
      '22232425262728292a2b2c2d2e2f30313233343c3d3e40414243444546474849' +
      '4a4b4c4d4e4f505152535455565758595a65',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*০১২৩৪৫৬৭' +
      '৮৯য়ৠৡ\u09e2{}\u09e3৲৳৴৵\\৶৷৸৹৺[~]|ABCDEFGHI' +
      'JKLMNOPQRSTUVWXYZ€',
  },
  {
    name: 'Gujarati',
    locking:
      '\u0a81\u0a82\u0a83અઆઇઈઉઊઋ\nઌઍ\r\0એ' +
      'ઐઑ\0ઓઔકખગઘઙચ\x1bછજઝઞ' +
      ' !ટઠડઢણત)(થદ,ધ.ન' +
      '0123456789:;\0પફ?' +
      'બભમયર\0લળ\0વશષસહ\u0abcઽ' +
      '\u0abe\u0abf\u0ac0\u0ac1\u0ac2\u0ac3\u0ac4\u0ac5\0\u0ac7\u0ac8\u0ac9\0\u0acb\u0acc\u0acd' +
      'ૐabcdefghijklmno' +
      'pqrstuvwxyzૠૡ\u0ae2\u0ae3૱',
    singleSeptets:
      '000102030405060708090a0b0c0e0f101112131415161718191a1c1d1e1f2021' +
      '2223242528292f3c3d3e404142434445464748494a4b4c4d4e4f505152535455' +
      '565758595a65',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*।॥૦૧૨૩૪૫' + '૬૭૮૯{}\\[~]|ABCDEFGHIJKLMNOPQRSTU' + 'VWXYZ€',
  },
  {
    name: 'Hindi',
    locking:
      '\u0901\u0902\u0903अआइईउऊऋ\nऌऍ\rऎए' +
      'ऐऑऒओऔकखगघङच\x1bछजझञ' +
      ' !टठडढणत)(थद,ध.न' +
      '0123456789:;ऩपफ?' +
      'बभमयरऱलळऴवशषसह\u093cऽ' +
      '\u093e\u093f\u0940\u0941\u0942\u0943\u0944\u0945\u0946\u0947\u0948\u0949\u094a\u094b\u094c\u094d' +
      'ॐabcdefghijklmno' +
      'pqrstuvwxyzॲॻॼॾॿ',
    singleSeptets:
      '000102030405060708090a0b0c0e0f101112131415161718191a1c1d1e1f2021' +
      '22232425262728292a2b2c2d2e2f303132333435363738393a3c3d3e40414243' +
      '4445464748494a4b4c4d4e4f505152535455565758595a65',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*।॥०१२३४५' +
      '६७८९\u0951\u0952{}\u0953\u0954क़ख़ग़\\ज़ड़ढ़फ़य़ॠॡ\u0962\u0963॰ॱ[~]|ABC' +
      'DEFGHIJKLMNOPQRSTUVWXYZ€',
  },
  {
    name: 'Kannada',
    locking:
      '\0\u0c82\u0c83ಅಆಇಈಉಊಋ\nಌ\0\rಎಏ' +
      'ಐ\0ಒಓಔಕಖಗಘಙಚ\x1bಛಜಝಞ' +
      ' !ಟಠಡಢಣತ)(ಥದ,ಧ.ನ' +
      '0123456789:;\0ಪಫ?' +
      'ಬಭಮಯರಱಲಳ\0ವಶಷಸಹ\u0cbcಽ' +
      '\u0cbe\u0cbf\u0cc0\u0cc1\u0cc2\u0cc3\u0cc4\0\u0cc6\u0cc7\u0cc8\0\u0cca\u0ccb\u0ccc\u0ccd' +
      '\u0cd5abcdefghijklmno' +
      'pqrstuvwxyz\u0cd6ೠೡ\u0ce2\u0ce3',
    singleSeptets:
      '000102030405060708090a0b0c0e0f101112131415161718191a1c1d1e1f2021' +
      '22232425262728292a2f3c3d3e404142434445464748494a4b4c4d4e4f505152' +
      '535455565758595a65',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*।॥೦೧೨೩೪೫' + '೬೭೮೯ೞೱ{}ೲ\\[~]|ABCDEFGHIJKLMNOPQR' + 'STUVWXYZ€',
  },
  {
    name: 'Malayalam',
    locking:
      '\0\u0d02\u0d03അആഇഈഉഊഋ\nഌ\0\rഎഏ' +
      'ഐ\0ഒഓഔകഖഗഘങച\x1bഛജഝഞ' +
      ' !ടഠഡഢണത)(ഥദ,ധ.ന' +
      '0123456789:;\0പഫ?' +
      'ബഭമയരറലളഴവശഷസഹ\0ഽ' +
      '\u0d3e\u0d3f\u0d40\u0d41\u0d42\u0d43\u0d44\0\u0d46\u0d47\u0d48\0\u0d4a\u0d4b\u0d4c\u0d4d' +
      '\u0d57abcdefghijklmno' +
      'pqrstuvwxyzൠൡ\u0d62\u0d63൹',
    singleSeptets:
      '000102030405060708090a0b0c0e0f101112131415161718191a1c1d1e1f2021' +
      '22232425262728292a2b2c2d2e2f30313233343c3d3e40414243444546474849' +
      '4a4b4c4d4e4f505152535455565758595a65',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*।॥൦൧൨൩൪൫' +
      '൬൭൮൯൰൱{}൲൳൴൵ൺ\\ൻർൽൾൿ[~]|ABCDEFGHI' +
      'JKLMNOPQRSTUVWXYZ€',
  },
  {
    name: 'Oriya (Odia)',
    locking:
      '\u0b01\u0b02\u0b03ଅଆଇଈଉଊଋ\nଌ\0\r\0ଏ' +
      'ଐ\0\0ଓଔକଖଗଘଙଚ\x1bଛଜଝଞ' +
      ' !ଟଠଡଢଣତ)(ଥଦ,ଧ.ନ' +
      '0123456789:;\0ପଫ?' +
      'ବଭମଯର\0ଲଳ\0ଵଶଷସହ\u0b3cଽ' +
      '\u0b3e\u0b3f\u0b40\u0b41\u0b42\u0b43\u0b44\0\0\u0b47\u0b48\0\0\u0b4b\u0b4c\u0b4d' +
      '\u0b56abcdefghijklmno' +
      'pqrstuvwxyz\u0b57ୠୡ\u0b62\u0b63',
    singleSeptets:
      '000102030405060708090a0b0c0e0f101112131415161718191a1c1d1e1f2021' +
      '22232425262728292a2b2c2f3c3d3e404142434445464748494a4b4c4d4e4f50' +
      '5152535455565758595a65',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*।॥୦୧୨୩୪୫' + '୬୭୮୯ଡ଼ଢ଼{}ୟ୰ୱ\\[~]|ABCDEFGHIJKLMNOP' + 'QRSTUVWXYZ€',
  },
  {
    name: 'Punjabi',
    locking:
      '\u0a01\u0a02\u0a03ਅਆਇਈਉਊ\0\n\0\0\r\0ਏ' +
      'ਐ\0\0ਓਔਕਖਗਘਙਚ\x1bਛਜਝਞ' +
      ' !ਟਠਡਢਣਤ)(ਥਦ,ਧ.ਨ' +
      '0123456789:;\0ਪਫ?' +
      'ਬਭਮਯਰ\0ਲਲ਼\0ਵਸ਼\0ਸਹ\u0a3c\0' +
      '\u0a3e\u0a3f\u0a40\u0a41\u0a42\0\0\0\0\u0a47\u0a48\0\0\u0a4b\u0a4c\u0a4d' +
      '\u0a51abcdefghijklmno' +
      'pqrstuvwxyz\u0a70\u0a71ੲੳੴ',
    singleSeptets:
      '000102030405060708090a0b0c0e0f101112131415161718191a1c1d1e1f2021' +
      '22232425262728292a2b2c2d2f3c3d3e404142434445464748494a4b4c4d4e4f' +
      '505152535455565758595a65',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*।॥੦੧੨੩੪੫' +
      '੬੭੮੯ਖ਼ਗ਼{}ਜ਼ੜਫ਼\u0a75\\[~]|ABCDEFGHIJKLMNO' +
      'PQRSTUVWXYZ€',
  },
  {
    name: 'Tamil',
    locking:
      '\0\u0b82ஃஅஆஇஈஉஊ\0\n\0\0\rஎஏ' +
      'ஐ\0ஒஓஔக\0\0\0ஙச\x1b\0ஜ\0ஞ' +
      ' !ட\0\0\0ணத)(\0\0,\0.ந' +
      '0123456789:;னப\0?' +
      '\0\0மயரறலளழவஶஷஸஹ\0\0' +
      '\u0bbe\u0bbf\u0bc0\u0bc1\u0bc2\0\0\0\u0bc6\u0bc7\u0bc8\0\u0bca\u0bcb\u0bcc\u0bcd' +
      'ௐabcdefghijklmno' +
      'pqrstuvwxyz\u0bd7௰௱௲௹',
    singleSeptets:
      '000102030405060708090a0b0c0e0f101112131415161718191a1c1d1e1f2021' +
      '22232425262728292a2b2c2d2e2f3c3d3e404142434445464748494a4b4c4d4e' +
      '4f505152535455565758595a65',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*।॥௦௧௨௩௪௫' + '௬௭௮௯௳௴{}௵௶௷௸௺\\[~]|ABCDEFGHIJKLMN' + 'OPQRSTUVWXYZ€',
  },
  {
    name: 'Telugu',
    locking:
      '\u0c01\u0c02\u0c03అఆఇఈఉఊఋ\nఌ\0\rఎఏ' +
      'ఐ\0ఒఓఔకఖగఘఙచ\x1bఛజఝఞ' +
      ' !టఠడఢణత)(థద,ధ.న' +
      '0123456789:;\0పఫ?' +
      'బభమయరఱలళ\0వశషసహ\0ఽ' +
      '\u0c3e\u0c3f\u0c40\u0c41\u0c42\u0c43\u0c44\0\u0c46\u0c47\u0c48\0\u0c4a\u0c4b\u0c4c\u0c4d' +
      '\u0c55abcdefghijklmno' +
      'pqrstuvwxyz\u0c56ౠౡ\u0c62\u0c63',
    singleSeptets:
      '000102030405060708090a0b0c0e0f1011121314151617181c1d1e1f20212223' +
      '2425262728292a2b2c2d2e2f3031323c3d3e404142434445464748494a4b4c4d' +
      '4e4f505152535455565758595a',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*౦౧౨౩౪౫౬౭' + '౮౯ౘౙ{}౸౹౺౻౼\\౽౾౿[~]|ABCDEFGHIJKLM' + 'NOPQRSTUVWXYZ',
  },
  {
    name: 'Urdu',
    locking:
      '\u0627\u0622\u0628\u067b\u0680\u067e\u06a6\u062a\u06c2\u067f\n\u0679\u067d\r\u067a\u067c' +
      '\u062b\u062c\u0681\u0684\u0683\u0685\u0686\u0687\u062d\u062e\u062f\x1b\u068c\u0688\u0689\u068a' +
      ' !\u068f\u068d\u0630\u0631\u0691\u0693)(\u0699\u0632,\u0696.\u0698' +
      '0123456789:;\u069a\u0633\u0634?' +
      '\u0635\u0636\u0637\u0638\u0639\u0641\u0642\u06a9\u06aa\u06ab\u06af\u06b3\u06b1\u0644\u0645\u0646' +
      '\u06ba\u06bb\u06bc\u0648\u06c4\u06d5\u06c1\u06be\u0621\u06cc\u06d0\u06d2\u064d\u0650\u064f\u0657' +
      '\u0654abcdefghijklmno' +
      'pqrstuvwxyz\u0655\u0651\u0653\u0656\u0670',
    singleSeptets:
      '000102030405060708090a0b0c0e0f101112131415161718191a1c1d1e1f2021' +
      '22232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f4041' +
      '42434445464748494a4b4c4d4e4f505152535455565758595a65',
    singleCharacters:
      '@£$¥¿"¤%&\'\f*+-/<=>¡^¡_#*\u0600\u0601\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5' +
      '\u06f6\u06f7\u06f8\u06f9\u060c\u060d{}\u060e\u060f\u0610\u0611\u0612\\\u0613\u0614\u061b\u061f\u0640\u0652\u0658\u066b\u066c\u0672\u0673\u06cd[~]\u06d4|A' +
      'BCDEFGHIJKLMNOPQRSTUVWXYZ€',
  },
]
