/** Lengths, money, times and ids as people read them. */

/** `4 min 06 s`, `38 s`. */
export function lengthWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) {
    return `${seconds} s`;
  }
  if (minutes >= 60) {
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  }
  return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** `01:24`, the clock of a call. */
export function clockWords(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A latency: milliseconds under one second, then seconds with two digits. */
export function latencyWords(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** Micro-units; small amounts keep three digits after the point. */
export function moneyWords(micros: number, currency: string): string {
  const amount = micros / 1_000_000;
  const digits = Math.abs(amount) < 1 && amount !== 0 ? 3 : 2;
  return new Intl.NumberFormat("en", {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(amount);
}

/** Exact to the micro-unit, as the ledger has it. */
export function exactMoneyWords(micros: number, currency: string): string {
  return new Intl.NumberFormat("en", { style: "currency", currency, minimumFractionDigits: 6 }).format(micros / 1_000_000);
}

export function shortId(id: string): string {
  return id.slice(-8);
}

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** `3 hours ago`, for the last 24 hours. */
export function agoWords(at: Date, now: Date): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  if (Math.abs(seconds) < 60) {
    return "just now";
  }
  if (Math.abs(seconds) < 3600) {
    return RELATIVE.format(Math.round(seconds / 60), "minute");
  }
  return RELATIVE.format(Math.round(seconds / 3600), "hour");
}

/** In the zone of the business, named where it is not the reader's. */
export function timeWords(at: Date, zone: string): string {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return new Intl.DateTimeFormat("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZone: zone,
    ...(here === zone ? {} : { timeZoneName: "short" as const }),
  }).format(at);
}

/** The same for a row of a list: to the minute, and without the zone, which the full time names. */
export function dayWords(at: Date, zone: string): string {
  return new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
}
