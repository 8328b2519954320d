import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Folders whose files take longest, the longest first; before them those whose files have a process of
 * their own: between the others they would end the workers that keep the modules.
 */
const FIRST_FOLDERS = ['crash', 'hostile', 'fuzz', 'cli', 'integration', 'interop', 'http']

/**
 * Begins with the folders that take longest, whatever earlier runs have left: a clone has none, and a file
 * of a minute that begins last leaves the other workers with nothing to do.
 */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const place = ({ project, moduleId }: TestSpecification): number => {
      const folder = relative(project.config.root, moduleId).split(/[/\\]/)[1] ?? ''
      const index = FIRST_FOLDERS.indexOf(folder)
      return index < 0 ? FIRST_FOLDERS.length : index
    }
    // Within a folder as before: a sort is stable.
    return sorted.sort((a, b) => place(a) - place(b))
  }
}
