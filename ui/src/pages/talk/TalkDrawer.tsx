import { clockWords, latencyWords } from "../../words/amounts";
import type { Talk } from "./useTalk";

/** Events, latency and usage of the talk, shut by default. */
export function TalkDrawer({ talk }: { talk: Talk }) {
  const sorted = [...talk.latencies].sort((one, other) => one - other);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  return (
    <details className="talk-drawer">
      <summary>Events and latency</summary>
      <p className="quiet">
        {sorted.length === 0
          ? "No answer was timed yet."
          : `Your last word to the agent's first sound, measured here: P50 ${latencyWords(rank(0.5)!)}, P95 ${latencyWords(rank(0.95)!)}, n = ${sorted.length}.`}
      </p>
      <div className="talk-events" tabIndex={0} role="region" aria-label="Events of the talk">
        <table>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col">Event</th>
              <th scope="col">Fields</th>
            </tr>
          </thead>
          <tbody>
            {talk.events.map(({ at_ms, event }, index) => (
              <tr key={String(event.event_id ?? index)}>
                <td className="number">{clockWords(at_ms)}</td>
                <td>
                  <code>{event.type}</code>
                </td>
                <td className="quiet small mono">{brief(event)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** The plain fields of an event; whole items and sessions would fill the page. */
function brief(event: Record<string, unknown>): string {
  return Object.entries(event)
    .filter(([name, value]) => name !== "type" && name !== "event_id" && typeof value !== "object" && name !== "resume_token")
    .map(([name, value]) => `${name} ${String(value).slice(0, 80)}`)
    .join(" · ");
}
