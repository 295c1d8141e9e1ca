import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { VoiceHealth } from "../../api/types";
import { useTenant } from "../../frame/tenant";
import { latencyWords, timeWords } from "../../words/amounts";

const HEIGHT = 180;

/** Calls, fallbacks and handshakes over time; two pictures with one cursor, and the same as a table. */
export function Chart({ figures }: { figures: VoiceHealth }) {
  const [isTable, setTable] = useState(false);
  const { time_zone: zone } = useTenant();
  if (figures.series.length === 0) {
    return null;
  }
  return (
    <section aria-label="Over time">
      <div className="bar bar-apart">
        <h2>Over time</h2>
        <button type="button" className="link-button" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? "Pictures" : "Table"}
        </button>
      </div>
      {isTable ? (
        <div className="table-box">
          <table className="health-table">
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col" className="number">
                  Calls
                </th>
                <th scope="col" className="number">
                  Fallbacks
                </th>
                <th scope="col" className="number">
                  Handshake P95
                </th>
              </tr>
            </thead>
            <tbody>
              {figures.series.map((step) => (
                <tr key={step.at}>
                  <th scope="row">{timeWords(new Date(step.at), zone)}</th>
                  <td className="number">{step.offered}</td>
                  <td className="number">{step.fallbacks}</td>
                  <td className="number">{step.handshake_p95_ms === null ? "–" : latencyWords(step.handshake_p95_ms)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Pictures figures={figures} zone={zone} />
      )}
    </section>
  );
}

function Pictures({ figures, zone }: { figures: VoiceHealth; zone: string }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    let plots: uPlot[] = [];
    const draw = () => {
      for (const plot of plots) {
        plot.destroy();
      }
      plots = picturesOf(figures, zone, element);
    };
    draw();
    const sizes = new ResizeObserver(() => {
      for (const plot of plots) {
        plot.setSize({ width: element.clientWidth, height: HEIGHT });
      }
    });
    sizes.observe(element);
    const scheme = new MutationObserver(draw);
    scheme.observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });
    return () => {
      sizes.disconnect();
      scheme.disconnect();
      for (const plot of plots) {
        plot.destroy();
      }
    };
  }, [figures, zone]);
  const most = Math.max(...figures.series.map((step) => step.offered));
  return <div ref={box} role="img" aria-label={`Calls and fallbacks per ${figures.step_s / 60} minutes, at most ${most} calls at once in a step; and the handshake's P95. The table has every figure.`} />;
}

/** Every step of the window, also the ones without a call: a gap is a gap. */
function filled({ series, step_s, from, to }: VoiceHealth): uPlot.AlignedData {
  const known = new Map(series.map((step) => [Math.floor(Date.parse(step.at) / 1000), step]));
  const first = Math.min(...known.keys());
  const begin = first - Math.floor((first - Date.parse(from) / 1000) / step_s) * step_s;
  const times: number[] = [];
  for (let at = begin; at <= Date.parse(to) / 1000; at += step_s) {
    times.push(at);
  }
  const of = <Value,>(pick: (step: VoiceHealth["series"][number]) => Value, without: Value) =>
    times.map((at) => {
      const step = known.get(at);
      return step ? pick(step) : without;
    });
  return [times, of((step) => step.offered, 0), of((step) => step.fallbacks, 0), of((step) => step.handshake_p95_ms, null)];
}

function picturesOf(figures: VoiceHealth, zone: string, element: HTMLElement): uPlot[] {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const [times, offered, fallbacks, handshakes] = filled(figures) as [number[], number[], number[], (number | null)[]];
  const axis = { stroke: colour("--ink-quiet"), grid: { stroke: colour("--hairline"), width: 1 }, ticks: { stroke: colour("--hairline"), width: 1 }, font: `12px ${colour("--font")}` };
  const common = {
    width: element.clientWidth,
    height: HEIGHT,
    tzDate: (at: number) => uPlot.tzDate(new Date(at * 1000), zone),
    cursor: { sync: { key: "voice-health" } },
    legend: { show: true },
  };
  const y = (label: string) => ({ ...axis, label, size: 56, labelSize: 20, labelFont: `12px ${colour("--font")}` });
  const line = (label: string, stroke: string, dash: number[] = []) => ({ label, stroke, width: 2, dash, points: { show: false } });
  return [
    new uPlot({ ...common, axes: [axis, y("calls")], scales: { y: { range: (_, __, max) => [0, Math.max(4, Math.ceil(max * 1.1))] } }, series: [{}, line("calls", colour("--action")), line("fallbacks", colour("--bad"), [6, 3])] }, [times, offered, fallbacks], element),
    new uPlot(
      { ...common, axes: [axis, y("ms")], scales: { y: { range: (_, __, max) => [0, Math.max(figures.handshake.threshold_ms * 1.1, (max ?? 0) * 1.1)] } }, series: [{}, { ...line("handshake P95, ms", colour("--agent")), points: { show: true, size: 5 } }] },
      [times, handshakes],
      element,
    ),
  ];
}
