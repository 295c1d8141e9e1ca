import { useCallback } from "react";
import { useSearchParams } from "react-router";

/** What narrows and orders the list. All of it stands in the address, so that going back and links bring it back. */
export const FILTERS = ["agent", "channel", "outcome", "class", "q", "from", "to"] as const;
export type FilterName = (typeof FILTERS)[number];

export interface CallsView {
  filters: Partial<Record<FilterName, string>>;
  sort: string;
  cursor: string | null;
  panel: string | null;
}

export function useCallsView() {
  const [query, setQuery] = useSearchParams();
  const view: CallsView = {
    filters: Object.fromEntries(FILTERS.flatMap((name) => (query.get(name) ? [[name, query.get(name)]] : []))),
    sort: query.get("sort") ?? "-offered_at",
    cursor: query.get("cursor"),
    panel: query.get("panel"),
  };
  /** Another filter or order starts at the first page; a panel or a page keeps the rest. */
  const change = useCallback(
    (fields: Record<string, string | null>, isNewList = true) => {
      setQuery((old) => {
        const next = new URLSearchParams(old);
        if (isNewList) {
          next.delete("cursor");
          next.delete("panel");
        }
        for (const [name, value] of Object.entries(fields)) {
          if (value === null || value === "") {
            next.delete(name);
          } else {
            next.set(name, value);
          }
        }
        return next;
      }, { replace: "panel" in fields || "q" in fields });
    },
    [setQuery],
  );
  return { view, change };
}
