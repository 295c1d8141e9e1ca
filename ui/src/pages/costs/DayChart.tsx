import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { UsageReport } from "../../api/types";
import { exactMoneyWords, moneyWords } from "../../words/amounts";

const HEIGHT = 180;
const MICROS = 1_000_000;
const DAY_S = 86_400;
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** Cost per day as bars, and the same as a table. */
export function DayChart({ report }: { report: UsageReport }) {
  const [isTable, setTable] = useState(false);
  return (
    <section aria-label="Cost per day">
      <div className="bar bar-apart">
        <h2>Cost per day</h2>
        <button type="button" className="link-button" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? "Picture" : "Table"}
        </button>
      </div>
      {isTable ? <DayTable report={report} /> : <Picture report={report} />}
      <p className="quiet small">Days begin at midnight in {report.time_zone.replaceAll("_", " ")}.</p>
    </section>
  );
}

function DayTable({ report }: { report: UsageReport }) {
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label="Cost per day, a table">
      <table className="cost-table">
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col" className="number">
              Calls
            </th>
            <th scope="col" className="number">
              Cost
            </th>
          </tr>
        </thead>
        <tbody>
          {report.items.map((day) => (
            <tr key={`${day.name} ${day.currency}`}>
              <th scope="row">{day.name}</th>
              <td className="number">{day.calls.toLocaleString("en")}</td>
              <td className="number">{exactMoneyWords(day.cost_micros, day.currency)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Every day of the range, also those without a call. */
function filled(report: UsageReport): [number[], number[]] {
  const known = new Map(report.items.map((day) => [Date.parse(`${day.name}T00:00:00Z`) / 1000, day.cost_micros / MICROS]));
  const names = new Intl.DateTimeFormat("en-CA", { timeZone: report.time_zone, year: "numeric", month: "2-digit", day: "2-digit" });
  const date = (moment: string) => Date.parse(`${names.format(new Date(moment))}T00:00:00Z`) / 1000;
  const days: number[] = [];
  for (let at = date(report.from); at <= date(report.to); at += DAY_S) {
    days.push(at);
  }
  return [days, days.map((day) => known.get(day) ?? 0)];
}

function Picture({ report }: { report: UsageReport }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    let plot: uPlot | null = null;
    const draw = () => {
      plot?.destroy();
      plot = pictureOf(report, element);
    };
    draw();
    const sizes = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizes.observe(element);
    const scheme = new MutationObserver(draw);
    scheme.observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });
    return () => {
      sizes.disconnect();
      scheme.disconnect();
      plot?.destroy();
    };
  }, [report]);
  const dearest = report.items.reduce<UsageReport["items"][number] | null>((most, day) => (most === null || day.cost_micros > most.cost_micros ? day : most), null);
  const label = dearest ? `Cost per day. The dearest was ${dearest.name} with ${moneyWords(dearest.cost_micros, dearest.currency)}. The table has every day.` : "Cost per day.";
  return <div ref={box} role="img" aria-label={label} />;
}

function pictureOf(report: UsageReport, element: HTMLElement): uPlot {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const currency = report.items[0]?.currency ?? "USD";
  const money = (amount: number) => moneyWords(Math.round(amount * MICROS), currency);
  const font = `12px ${colour("--font")}`;
  const axis = { stroke: colour("--ink-quiet"), grid: { stroke: colour("--hairline"), width: 1 }, ticks: { stroke: colour("--hairline"), width: 1 }, font };
  const bars = uPlot.paths.bars;
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      // Days are kept as their midnight in UTC, so that the axis shows dates as they are.
      tzDate: (at: number) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      legend: { show: true },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((at) => DATE.format(new Date(at * 1000))) }, { ...axis, size: 64, values: (_, ticks) => ticks.map(money) }],
      // Half a day more on each side, so that no bar is cut.
      scales: { x: { range: (_, min, max) => [min - DAY_S / 2, max + DAY_S / 2] }, y: { range: (_, __, max) => [0, Math.max(0.01, (max ?? 0) * 1.1)] } },
      series: [
        { label: "day", value: (_, at) => (at === null ? "–" : new Date(at * 1000).toISOString().slice(0, 10)) },
        {
          label: "cost",
          stroke: colour("--action"),
          fill: colour("--action"),
          width: 0,
          points: { show: false },
          value: (_, amount) => (amount === null ? "–" : money(amount)),
          ...(bars ? { paths: bars({ size: [0.7, 32] }) } : {}),
        },
      ],
    },
    filled(report),
    element,
  );
}
