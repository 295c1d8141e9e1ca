/** Days of the business: they begin at midnight of its zone, not of the reader's. */

/** How far `zone` is ahead of UTC at `at`, in milliseconds. */
function aheadMs(at: Date, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(at);
  const part = (name: string) => Number(parts.find((part) => part.type === name)?.value);
  const shown = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return shown - Math.floor(at.getTime() / 1000) * 1000;
}

/** Midnight of `day` (`2026-11-24`) in `zone`, so many days later, as RFC 3339. */
export function dayStart(day: string, zone: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  const wanted = Date.UTC(year, month - 1, date + later);
  // Twice: the first guess may lie on the other side of a change of the clocks.
  const guess = wanted - aheadMs(new Date(wanted), zone);
  return new Date(wanted - aheadMs(new Date(guess), zone)).toISOString();
}

/** The day it is at `at` in `zone`, as `2026-11-24`. */
export function dayOf(at: Date, zone: string): string {
  return new Date(at.getTime() + aheadMs(at, zone)).toISOString().slice(0, 10);
}
