import { NativeSelect } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { get, withQuery } from "../../api/request";
import type { Budgets, UsageBy, UsageReport, UsageSum } from "../../api/types";
import { usePath } from "../../frame/tenant";
import { useTitle } from "../../frame/title";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { WaitingRows } from "../../parts/Waiting";
import { exactMoneyWords, moneyWords } from "../../words/amounts";
import { componentWords } from "../../words/components";
import { BudgetList } from "./BudgetList";
import { DayChart } from "./DayChart";
import "./costs.css";

const RANGES = ["7", "30", "90", "365"];
const DAY_MS = 86_400_000;
const BY: { value: UsageBy; label: string; of: string }[] = [
  { value: "agent", label: "By agent", of: "Agent" },
  { value: "user", label: "By user", of: "User" },
  { value: "component", label: "By component", of: "Component" },
  { value: "model", label: "By model", of: "Model" },
];

/** What calls cost, and how much they may. */
export default function Costs() {
  useTitle("Costs");
  const [query, setQuery] = useSearchParams();
  const asked = query.get("days") ?? "";
  const days = RANGES.includes(asked) ? asked : "30";
  const by = BY.find((choice) => choice.value === query.get("by")) ?? BY[0]!;
  const daily = useUsage("day", days);
  const budgets = useQuery({ queryKey: ["budgets"], queryFn: () => get<Budgets>("/api/v1/budgets"), refetchInterval: 60_000 });
  const change = (fields: Record<string, string>) => setQuery({ days, by: by.value, ...fields }, { replace: true });
  return (
    <div className="costs">
      <div className="page-head">
        <h1>Costs</h1>
        <NativeSelect
          aria-label="Range"
          value={days}
          data={RANGES.map((range) => ({ value: range, label: range === "365" ? "Last year" : `Last ${range} days` }))}
          onChange={(event) => change({ days: event.currentTarget.value })}
        />
      </div>
      {daily.isPending ? <WaitingRows rows={6} what="Costs" /> : null}
      {daily.isError && daily.data === undefined ? <Failure what="The costs could not be read." error={daily.error} retry={() => void daily.refetch()} /> : null}
      {daily.data ? <Spent report={daily.data} days={days} /> : null}
      {daily.data && daily.data.items.length > 0 ? <Table by={by} days={days} choose={(value) => change({ by: value })} /> : null}
      <section aria-label="Budgets" className="stack">
        <h2>Budgets</h2>
        {budgets.isPending ? <WaitingRows rows={3} what="Budgets" /> : null}
        {budgets.isError && budgets.data === undefined ? <Failure what="The budgets could not be read." error={budgets.error} retry={() => void budgets.refetch()} /> : null}
        {budgets.data ? <BudgetList budgets={budgets.data} /> : null}
      </section>
    </div>
  );
}

function useUsage(by: UsageBy, days: string) {
  return useQuery({
    queryKey: ["usage-report", by, days],
    queryFn: () => {
      const from = new Date(Date.now() - Number(days) * DAY_MS).toISOString();
      return get<UsageReport>(withQuery("/api/v1/usage", { by, from }));
    },
    refetchInterval: 60_000,
    placeholderData: keepPreviousData,
  });
}

/** Sum, forecast and picture of the range. */
function Spent({ report, days }: { report: UsageReport; days: string }) {
  const path = usePath();
  if (report.items.length === 0) {
    return (
      <Empty title="Nothing was billed in this time.">
        <p>Offline models cost nothing. The first call with a billed model or a carrier fills this page.</p>
        <Link to={path("talk")}>Talk to your agent</Link>
      </Empty>
    );
  }
  return (
    <>
      <div className="cost-cards">
        {report.totals.map((total) => (
          <section key={total.currency} className="card cost-card" aria-label="Spent">
            <h2>Spent in {days === "365" ? "a year" : `${days} days`}</h2>
            <p className="cost-value">{moneyWords(total.cost_micros, total.currency)}</p>
            <p className="quiet small">{exactMoneyWords(total.cost_micros, total.currency)} by the ledger</p>
          </section>
        ))}
        {report.forecast.map((guess) => (
          <section key={guess.currency} className="card cost-card" aria-label="Forecast">
            <h2>Forecast for 30 days</h2>
            <p className="cost-value">{moneyWords(guess.next_30_days_micros, guess.currency)}</p>
            <p className="quiet small">
              An estimate: as the last 7 whole days, which cost {moneyWords(guess.last_7_days_micros, guess.currency)}
            </p>
          </section>
        ))}
      </div>
      <DayChart report={report} />
    </>
  );
}

function Table({ by, days, choose }: { by: (typeof BY)[number]; days: string; choose: (value: string) => void }) {
  const usage = useUsage(by.value, days);
  return (
    <section aria-label="Where it went" className="stack">
      <div className="bar bar-apart">
        <h2>Where it went</h2>
        <NativeSelect aria-label="Sums by" value={by.value} data={BY.map(({ value, label }) => ({ value, label }))} onChange={(event) => choose(event.currentTarget.value)} />
      </div>
      {usage.isPending ? <WaitingRows rows={4} what="Sums" /> : null}
      {usage.isError && usage.data === undefined ? <Failure what="The sums could not be read." error={usage.error} retry={() => void usage.refetch()} /> : null}
      {usage.data ? <Sums report={usage.data} of={by.of} /> : null}
    </section>
  );
}

function Sums({ report, of }: { report: UsageReport; of: string }) {
  const most = Math.max(1, ...report.items.map((item) => item.cost_micros));
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label="Sums, a table">
      <table className="cost-table">
        <thead>
          <tr>
            <th scope="col">{of}</th>
            <th scope="col" className="number">
              Calls
            </th>
            <th scope="col" className="number">
              Cost
            </th>
            <th scope="col" className="cost-share-column">
              <span className="hidden-text">Share</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {report.items.map((item) => (
            <tr key={`${item.name ?? ""} ${item.currency}`}>
              <th scope="row">{named(item, report.by)}</th>
              <td className="number">{item.calls.toLocaleString("en")}</td>
              <td className="number" title={exactMoneyWords(item.cost_micros, item.currency)}>
                {moneyWords(item.cost_micros, item.currency)}
              </td>
              <td className="cost-share-column">
                <progress className="cost-share" max={most} value={item.cost_micros} aria-hidden="true" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function named(item: UsageSum, by: UsageBy): string {
  if (item.name === null) {
    return by === "user" ? "No user: telephone, staff, programs" : "No call";
  }
  return by === "component" ? componentWords(item.name) : item.name;
}
