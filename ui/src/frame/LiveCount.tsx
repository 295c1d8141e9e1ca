import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";
import { get } from "../api/request";
import type { LiveCall, LiveSnapshot } from "../api/types";
import { useLive } from "../api/live";
import { usePath } from "./tenant";

export const LIVE_KEY = ["live-calls"] as const;

export function useLiveCalls() {
  const queries = useQueryClient();
  const calls = useQuery({
    queryKey: LIVE_KEY,
    queryFn: () => get<LiveSnapshot>("/api/v1/live/calls"),
    refetchInterval: 30_000,
  });
  useLive(calls.data ? "calls" : null, calls.data?.number ?? null, ({ number, event }) => {
    queries.setQueryData<LiveSnapshot>(LIVE_KEY, (old) => (old === undefined ? old : { ...old, number, items: changed(old.items, event) }));
  });
  return calls;
}

/** The list after one thing that happened. */
function changed(items: LiveCall[], event: Record<string, unknown>): LiveCall[] {
  switch (event.name) {
    case "snapshot":
      return event.items as LiveCall[];
    case "call": {
      const call = event.call as LiveCall;
      return items.some((item) => item.id === call.id) ? items.map((item) => (item.id === call.id ? call : item)) : [...items, call];
    }
    case "ended":
      return items.filter((item) => item.id !== event.id);
    default:
      return items;
  }
}

/** How many calls are live now, on every page. */
export function LiveCount() {
  const calls = useLiveCalls();
  const path = usePath();
  if (calls.data === undefined) {
    return null;
  }
  const count = calls.data.items.length;
  return (
    <Link to={path("live")} className="live-count">
      <span aria-hidden="true" className={count > 0 ? "tone-good" : "tone-quiet"}>
        {count > 0 ? "●" : "○"}
      </span>{" "}
      {count} live
    </Link>
  );
}
