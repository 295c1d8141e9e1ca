import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { get, withQuery } from "../../api/request";
import type { UsageReport } from "../../api/schema";
import type { CallRow, List } from "../../api/types";
import { usePath, useTenant } from "../../frame/tenant";
import { Failure } from "../../parts/Failure";
import { WaitingRows } from "../../parts/Waiting";
import { moneyWords } from "../../words/amounts";
import { dayOf, dayStart } from "../../words/zone";

/** So many pages of 200 are counted at most; a business with more reads Voice health and Costs. */
const PAGES_MAX = 10;
const PAGE = 200;

interface Span {
  label: string;
  /** Days before today, first and last; 0 is today. */
  from: number;
  to: number;
}

const SPANS: Span[] = [
  { label: "Today", from: 0, to: 0 },
  { label: "Last 7 days", from: 6, to: 0 },
];

/** How it goes: each number is a link to the calls it counts. */
export function Figures() {
  const { time_zone: zone } = useTenant();
  const today = dayOf(new Date(), zone);
  const calls = useQuery({
    queryKey: ["home-figures", today],
    queryFn: () => all(dayStart(today, zone, -6)),
    refetchInterval: 300_000,
  });
  const before = useQuery({
    queryKey: ["home-before", today],
    queryFn: () => get<UsageReport>(withQuery("/api/v1/usage", { by: "day", from: dayStart(today, zone, -13), to: dayStart(today, zone, -6) })),
    retry: false,
  });
  return (
    <section className="card home-wide" aria-labelledby="home-figures">
      <h2 id="home-figures">How it goes</h2>
      {calls.isPending ? <WaitingRows rows={4} what="Figures" /> : null}
      {calls.isError && calls.data === undefined ? <Failure what="The figures could not be read." error={calls.error} retry={() => void calls.refetch()} /> : null}
      {calls.data ? <Table rows={calls.data.rows} isAll={calls.data.isAll} today={today} zone={zone} /> : null}
      {before.data && before.data.items.length > 0 ? <p className="quiet small home-before">In the 7 days before: {beforeWords(before.data)}.</p> : null}
    </section>
  );
}

/** Calls that cost something, and what they cost. */
function beforeWords({ items }: UsageReport): string {
  const calls = items.reduce((sum, day) => sum + day.calls, 0);
  return `${calls === 1 ? "1 call" : `${calls} calls`}, ${costWords(items)}`;
}

async function all(from: string): Promise<{ rows: CallRow[]; isAll: boolean }> {
  const rows: CallRow[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const list: List<CallRow> = await get<List<CallRow>>(withQuery("/api/v1/calls", { from, limit: PAGE, cursor }));
    rows.push(...list.items);
    cursor = list.next_cursor ?? null;
    if (cursor === null) {
      return { rows, isAll: true };
    }
  }
  return { rows, isAll: false };
}

interface TableProps {
  rows: CallRow[];
  isAll: boolean;
  today: string;
  zone: string;
}

function Table({ rows, isAll, today, zone }: TableProps) {
  const path = usePath();
  const spans = SPANS.map((span) => {
    const from = dayStart(today, zone, -span.from);
    const to = dayStart(today, zone, 1 - span.to);
    const within = rows.filter((row) => Date.parse(row.offered_at) >= Date.parse(from) && Date.parse(row.offered_at) < Date.parse(to));
    const link = (outcome: string | null) => withQuery(path("calls"), { from: dayLater(today, -span.from), to: dayLater(today, -span.to), outcome });
    return { ...span, within, link };
  });
  const counted = (outcome: string | null) =>
    spans.map(({ label, within, link }) => {
      const count = outcome === null ? within.length : within.filter((row) => row.outcome === outcome).length;
      return (
        <td key={label} className="number">
          {count === 0 ? <span className="quiet">0</span> : <Link to={link(outcome)}>{count}</Link>}
        </td>
      );
    });
  return (
    <>
      <div className="home-table-box">
        <table className="home-table">
          <caption className="hidden-text">Calls and what came of them</caption>
          <thead>
            <tr>
              <td />
              {spans.map(({ label }) => (
                <th key={label} scope="col" className="number">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">Calls</th>
              {counted(null)}
            </tr>
            <tr>
              <th scope="row">Booked</th>
              {counted("booked")}
            </tr>
            <tr>
              <th scope="row">Put through to a person</th>
              {counted("handed_off")}
            </tr>
            <tr>
              <th scope="row">Fell back for a technical reason</th>
              {counted("fallback")}
            </tr>
            <tr>
              <th scope="row">Handled by the agent alone</th>
              {spans.map(({ label, within }) => {
                const ended = within.filter((row) => row.status === "ended");
                const alone = ended.filter((row) => row.outcome === "booked" || row.outcome === "completed").length;
                return (
                  <td key={label} className="number">
                    {ended.length === 0 ? <span className="quiet">–</span> : `${Math.round((alone / ended.length) * 100)} %`}
                  </td>
                );
              })}
            </tr>
            <tr>
              <th scope="row">Cost</th>
              {spans.map(({ label, within }) => (
                <td key={label} className="number">
                  {costWords(within)}
                </td>
              ))}
            </tr>
          </tbody>
        </table>
      </div>
      {isAll ? null : <p className="quiet small">Only the newest {(PAGES_MAX * PAGE).toLocaleString("en")} calls are counted.</p>}
    </>
  );
}

function costWords(rows: { cost_micros: number | null; currency: string }[]): string {
  const sums = new Map<string, number>();
  for (const { cost_micros, currency } of rows) {
    if (cost_micros !== null) {
      sums.set(currency, (sums.get(currency) ?? 0) + cost_micros);
    }
  }
  return sums.size === 0 ? "–" : [...sums].map(([currency, micros]) => moneyWords(micros, currency)).join(" + ");
}

function dayLater(day: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, date + later)).toISOString().slice(0, 10);
}
