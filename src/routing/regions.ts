import type { Region } from '../core/route-rule.ts'

const COUNTRIES: Readonly<Record<Exclude<Region, 'global'>, string>> = {
  europe:
    'AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE ' +
    'LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK',
  north_america: 'BM CA GL PM US',
  latin_america:
    'AG AI AR AW BB BL BO BQ BR BS BZ CL CO CR CU CW DM DO EC FK GD GF GP GT GY HN HT JM KN KY ' +
    'LC MF MQ MS MX NI PA PE PR PY SR SV SX TC TT UY VC VE VG VI',
  asia:
    'AF AM AZ BD BN BT CN GE HK ID IN JP KG KH KP KR KZ LA LK MM MN MO MV MY NP PH PK SG TH TJ ' +
    'TL TM TW UZ VN',
  middle_east: 'AE BH IL IQ IR JO KW LB OM PS QA SA SY TR YE',
  africa:
    'AC AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY ' +
    'MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TA TD TG TN TZ UG YT ZA ZM ZW',
  oceania: 'AS AU CC CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PW SB TK TO TV VU WF WS',
}

const REGION_BY_COUNTRY = new Map<string, Region>(
  Object.entries(COUNTRIES).flatMap(([region, countries]) =>
    countries.split(' ').map((country): [string, Region] => [country, region as Region]),
  ),
)

/** The region of an ISO 3166-1 alpha-2 country, or undefined for a code that is none. */
export function regionOf(country: string): Region | undefined {
  return country === '001' ? 'global' : REGION_BY_COUNTRY.get(country)
}
