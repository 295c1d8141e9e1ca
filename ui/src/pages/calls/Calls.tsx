import { Button, NativeSelect, TextInput } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link, useNavigate } from "react-router";
import { get, withQuery } from "../../api/request";
import type { Agent, CallRow, List } from "../../api/types";
import { useKeys } from "../../frame/keys";
import { usePath, useTenant } from "../../frame/tenant";
import { useTitle } from "../../frame/title";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { WaitingRows } from "../../parts/Waiting";
import { dayStart } from "../../words/zone";
import { COLUMNS } from "./columns";
import { FILTERS, useCallsView, type CallsView, type FilterName } from "./filters";
import { Panel } from "./Panel";
import { SavedViews } from "./SavedViews";
import "./calls.css";

const LABELS: Record<FilterName, string> = { agent: "Agent", channel: "Channel", outcome: "Outcome", class: "End", q: "Words", from: "From", to: "To" };

/** What was said, done and paid: every call, newest first. */
export default function Calls() {
  useTitle("Calls");
  const { view, change } = useCallsView();
  const path = usePath();
  const { time_zone: zone } = useTenant();
  const calls = useQuery({
    queryKey: ["calls", view.filters, view.sort, view.cursor],
    queryFn: () =>
      get<List<CallRow>>(
        withQuery("/api/v1/calls", {
          ...view.filters,
          from: view.filters.from ? dayStart(view.filters.from, zone, 0) : null,
          // The day named last is still in it.
          to: view.filters.to ? dayStart(view.filters.to, zone, 1) : null,
          sort: view.sort === "-offered_at" ? null : view.sort,
          cursor: view.cursor,
        }),
      ),
    placeholderData: keepPreviousData,
  });
  const hasFilter = Object.keys(view.filters).length > 0;
  const rows = calls.data?.items ?? [];
  return (
    <>
      <div className="page-head">
        <h1>Calls</h1>
        <Button component={Link} to={path("talk")}>
          Talk to your agent
        </Button>
      </div>
      <Filters view={view} change={change} />
      <SavedViews view={view} change={change} />
      {calls.isPending ? (
        <WaitingRows rows={10} what="Calls" />
      ) : calls.isError && calls.data === undefined ? (
        <Failure what="The calls could not be read." error={calls.error} retry={() => void calls.refetch()} />
      ) : rows.length === 0 ? (
        <NoCalls hasFilter={hasFilter} clear={() => change(Object.fromEntries(FILTERS.map((name) => [name, null])))} />
      ) : (
        <Table rows={rows} view={view} change={change} isOld={calls.isPlaceholderData} />
      )}
      <Pages view={view} change={change} next={calls.data?.next_cursor ?? calls.data?.next ?? null} count={rows.length} total={calls.data?.total ?? null} />
      {view.panel ? <Panel id={view.panel} close={() => change({ panel: null }, false)} /> : null}
    </>
  );
}

type Change = ReturnType<typeof useCallsView>["change"];

function Filters({ view, change }: { view: CallsView; change: Change }) {
  const agents = useQuery({ queryKey: ["agents"], queryFn: () => get<List<Agent>>("/api/v1/agents"), staleTime: 300_000, retry: false });
  const [text, setText] = useState(view.filters.q ?? "");
  const search = useRef<HTMLInputElement>(null);
  useKeys([{ keys: "/", what: "Search calls", run: () => search.current?.focus() }]);
  useEffect(() => setText(view.filters.q ?? ""), [view.filters.q]);
  useEffect(() => {
    // Typing asks once it pauses.
    const timer = setTimeout(() => text !== (view.filters.q ?? "") && change({ q: text }), 300);
    return () => clearTimeout(timer);
  }, [text, view.filters.q, change]);
  const choice = (name: FilterName, options: string[]) => (
    <NativeSelect
      aria-label={LABELS[name]}
      data={[{ value: "", label: `${LABELS[name]}: all` }, ...options.map((option) => ({ value: option, label: `${LABELS[name]}: ${option.replaceAll("_", " ")}` }))]}
      value={view.filters[name] ?? ""}
      onChange={(event) => change({ [name]: event.currentTarget.value })}
    />
  );
  return (
    <search className="calls-filters">
      <TextInput ref={search} type="search" aria-label="Search calls" placeholder="A name, a number, a call’s id" value={text} onChange={(event) => setText(event.currentTarget.value)} />
      {choice("agent", (agents.data?.items ?? []).map((agent) => agent.name))}
      {choice("outcome", ["booked", "handed_off", "voicemail", "message_left", "completed", "hung_up", "not_reached", "fallback", "failed"])}
      {choice("channel", ["phone", "web_voice"])}
      {choice("class", ["success", "caller", "us", "upstream", "unknown"])}
      <label className="calls-date">
        <span>From</span>
        <input type="date" value={view.filters.from ?? ""} onChange={(event) => change({ from: event.currentTarget.value })} />
      </label>
      <label className="calls-date">
        <span>To</span>
        <input type="date" value={view.filters.to ?? ""} onChange={(event) => change({ to: event.currentTarget.value })} />
      </label>
      {Object.entries(view.filters).map(([name, value]) => (
        <button key={name} type="button" className="chip" onClick={() => change({ [name]: null })} aria-label={`Remove ${LABELS[name as FilterName]}: ${value}`}>
          {LABELS[name as FilterName]}: {value.replaceAll("_", " ")} <span aria-hidden="true">✕</span>
        </button>
      ))}
    </search>
  );
}

function NoCalls({ hasFilter, clear }: { hasFilter: boolean; clear: () => void }) {
  const path = usePath();
  return hasFilter ? (
    <Empty title="No calls match.">
      <Button variant="default" onClick={clear}>
        Clear the filters
      </Button>
    </Empty>
  ) : (
    <Empty title="No calls yet.">
      <p>Every call stands here with what was said, heard, done and paid. Make the first one in this browser.</p>
      <Button component={Link} to={path("talk")}>
        Talk to your agent
      </Button>
    </Empty>
  );
}

interface TableProps {
  rows: CallRow[];
  view: CallsView;
  change: Change;
  isOld: boolean;
}

function Table({ rows, view, change, isOld }: TableProps) {
  const go = useNavigate();
  const path = usePath();
  const table = useRef<HTMLTableElement>(null);
  const at = rows.findIndex((row) => row.id === view.panel);
  const focused = () => rows.findIndex((row) => row.id === (document.activeElement?.closest("tr") as HTMLElement | null)?.dataset.call);
  const move = (step: number) => {
    const from = at >= 0 ? at : focused();
    const row = rows[Math.max(0, Math.min(rows.length - 1, from + step))];
    if (row) {
      table.current?.querySelector<HTMLElement>(`tr[data-call="${row.id}"] a`)?.focus();
      if (view.panel) {
        change({ panel: row.id }, false);
      }
    }
  };
  const chosen = () => rows[at >= 0 ? at : focused()];
  useKeys([
    { keys: "j", what: "Next call", run: () => move(1) },
    { keys: "k", what: "Previous call", run: () => move(-1) },
    {
      keys: "o",
      what: "Open the call",
      run: () => {
        const call = chosen();
        if (call) {
          void go(path(`calls/${call.id}`));
        }
      },
    },
    { keys: "Escape", what: "Close the panel", run: () => view.panel && change({ panel: null }, false) },
  ]);
  return (
    <div className="calls-table-box">
      <table ref={table} className="calls-table" data-old={isOld || undefined}>
        <caption className="hidden-text">Calls. Enter shows a call beside the list, o opens it.</caption>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <th key={column.id} scope="col" className={classOf(column)} aria-sort={ariaSort(column.sort, view.sort)}>
                {column.sort ? (
                  <button type="button" className="sort" onClick={() => change({ sort: nextSort(column.sort!, view.sort) })}>
                    {column.label}
                    <span aria-hidden="true">{sortSign(column.sort, view.sort)}</span>
                  </button>
                ) : (
                  column.label
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((call) => (
            <tr key={call.id} data-call={call.id} aria-current={call.id === view.panel || undefined} onClick={(event) => openPanel(event, () => change({ panel: call.id }, false))}>
              {COLUMNS.map((column, index) => (
                <td key={column.id} className={classOf(column)}>
                  {index === 0 ? (
                    <Link to={path(`calls/${call.id}`)} onClick={(event) => plainClick(event) && (event.preventDefault(), event.stopPropagation(), change({ panel: call.id }, false))}>
                      {column.show(call)}
                    </Link>
                  ) : (
                    column.show(call)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Links are real: with a modifier they open where the reader wants. */
function plainClick(event: React.MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

function openPanel(event: React.MouseEvent, open: () => void) {
  const isSelecting = (document.getSelection()?.toString() ?? "") !== "";
  if (plainClick(event) && !isSelecting && !(event.target as HTMLElement).closest("a, button")) {
    open();
  }
}

function classOf(column: (typeof COLUMNS)[number]): string {
  return [column.isNumber ? "number" : "", column.isWideOnly ? "calls-wide" : ""].join(" ").trim();
}

function nextSort(field: string, sort: string): string | null {
  const next = sort === `-${field}` ? field : `-${field}`;
  return next === "-offered_at" ? null : next;
}

function ariaSort(field: string | undefined, sort: string) {
  return field === undefined ? undefined : sort === field ? "ascending" : sort === `-${field}` ? "descending" : "none";
}

function sortSign(field: string, sort: string): string {
  return sort === field ? " ▲" : sort === `-${field}` ? " ▼" : "";
}

interface PagesProps {
  view: CallsView;
  change: Change;
  next: string | null;
  count: number;
  total: number | null;
}

function Pages({ view, change, next, count, total }: PagesProps) {
  if (count === 0 || (next === null && view.cursor === null)) {
    return count === 0 ? null : <p className="quiet calls-count">{count === 1 ? "1 call" : `${count} calls`}</p>;
  }
  return (
    <nav className="bar calls-count" aria-label="Pages of the list">
      <Button variant="default" disabled={view.cursor === null} onClick={() => change({ cursor: null })}>
        Newest
      </Button>
      <Button variant="default" disabled={next === null} onClick={() => change({ cursor: next, panel: null }, false)}>
        Older
      </Button>
      {total === null ? null : <span className="quiet">about {total.toLocaleString("en")}</span>}
    </nav>
  );
}
