// The thread behind PosterThread: it signs, sends, and hands back what came of it.
import { parentPort, workerData } from 'node:worker_threads'
import { AddressGuard } from './address-guard.ts'
import { LocalPoster } from './poster.ts'
import type { PosterSettings, Ticketed, TicketedResult } from './poster-thread.ts'

let poster = posterFor(workerData as PosterSettings)

function posterFor(settings: PosterSettings): LocalPoster {
  return new LocalPoster({ ...settings, guard: new AddressGuard(settings) })
}

/** What one turn of the event loop has brought goes back in one piece. */
let results: TicketedResult[] = []

function handBack(): void {
  parentPort?.postMessage(JSON.stringify(results))
  results = []
}

parentPort?.on('message', (postings: string | PosterSettings) => {
  if (typeof postings !== 'string') {
    // With connections of its own: those of the one before are closed when they have been idle.
    poster = posterFor(postings)
    return
  }
  for (const { ticket, posting } of JSON.parse(postings) as Ticketed[]) {
    poster.post(posting, (result) => {
      if (results.length === 0) setImmediate(handBack)
      results.push({ ticket, result })
    })
  }
})
