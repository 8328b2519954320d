/** An instant on a clock in Beijing, as `20240520163000`; other forms are parts of it. */
export function beijingClock(at: Date): string {
  return new Date(at.getTime() + 8 * 3_600_000).toISOString().replaceAll(/\D/g, '').slice(0, 14)
}
