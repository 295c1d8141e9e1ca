import { useTenant } from "../frame/tenant";
import { agoWords, dayWords, timeWords } from "../words/amounts";

const DAY_MS = 24 * 3600 * 1000;

/** Relative under 24 hours, day and minute beyond, with the full time on hover; in the zone of the business. */
export function Time({ at, isAbsolute = false }: { at: string; isAbsolute?: boolean }) {
  const { time_zone: zone } = useTenant();
  const moment = new Date(at);
  const now = new Date();
  const full = timeWords(moment, zone);
  const isRecent = Math.abs(now.getTime() - moment.getTime()) < DAY_MS;
  return (
    <time dateTime={at} title={full}>
      {isAbsolute ? full : isRecent ? agoWords(moment, now) : dayWords(moment, zone)}
    </time>
  );
}
