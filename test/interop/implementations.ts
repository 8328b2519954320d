import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** An SMPP implementation that shares no code with the gateway, and how to start it. */
export interface Implementation {
  readonly name: string
  readonly command: string
  /** The role follows them: `esme` or `smsc`. */
  readonly args: readonly string[]
}

/** The npm package `smpp`. */
export const SMPP_PACKAGE: Implementation = {
  name: 'the package smpp',
  command: process.execPath,
  args: [
    '--import',
    import.meta.resolve('tsx'),
    fileURLToPath(new URL('package-peer.ts', import.meta.url)),
  ],
}

/** The Perl module Net::SMPP, Debian package `libnet-smpp-perl`. */
export const NET_SMPP: Implementation = {
  name: 'Net::SMPP',
  command: 'perl',
  args: [fileURLToPath(new URL('perl/peer.pl', import.meta.url))],
}

/** Whether Perl and the module are on this machine. */
export function isNetSmppInstalled(): boolean {
  return spawnSync('perl', ['-MNet::SMPP', '-MJSON::PP', '-e', '1']).status === 0
}

/**
 * Says that tests are skipped because something is not installed.
 *
 * @param packages - the Debian packages that have it
 * @throws {Error} with LINEHAUL_TEST_INTEROP=required, as CI sets it
 */
export function skipBecauseMissing(what: string, packages: string): void {
  const reason = `${what} is not installed: apt-get install ${packages}`
  if (process.env.LINEHAUL_TEST_INTEROP === 'required') throw new Error(reason)
  console.warn(`Skipping its tests: ${reason}`)
}
