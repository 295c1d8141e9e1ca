import { Button, Modal, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { useSignedIn } from "../../frame/tenant";
import { FILTERS, type CallsView } from "./filters";

interface SavedView {
  name: string;
  /** Filters and order, as the address has them. */
  query: string;
}

/** More would be a list to search in. */
const VIEWS_MAX = 20;
const NAME_MAX = 40;

/** Views of a person and a business, kept by this browser. */
function useViews(): [SavedView[], (views: SavedView[]) => void] {
  const { staff_id: person, tenant } = useSignedIn();
  const key = `switchboard-views-${tenant.name}-${person}`;
  const [views, setViews] = useState<SavedView[]>(() => read(key));
  return [
    views,
    (next) => {
      localStorage.setItem(key, JSON.stringify(next));
      setViews(next);
    },
  ];
}

/** What somebody else wrote there is no view. */
function read(key: string): SavedView[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    const isView = (it: unknown): it is SavedView => typeof (it as SavedView)?.name === "string" && typeof (it as SavedView)?.query === "string";
    return Array.isArray(kept) ? kept.filter(isView) : [];
  } catch {
    return [];
  }
}

function queryOf({ filters, sort }: CallsView): string {
  const query = new URLSearchParams(filters);
  if (sort !== "-offered_at") {
    query.set("sort", sort);
  }
  return query.toString();
}

/** Filters and order under a name, beside the search. */
export function SavedViews({ view, change }: { view: CallsView; change: (fields: Record<string, string | null>) => void }) {
  const [views, setViews] = useViews();
  const [isNaming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const now = queryOf(view);
  const chosen = views.find(({ query }) => query === now);
  const open = (query: string) => {
    const fields = new URLSearchParams(query);
    change(Object.fromEntries([...FILTERS, "sort"].map((field) => [field, fields.get(field)])));
  };
  const save = (event: FormEvent) => {
    event.preventDefault();
    const called = name.trim();
    if (called !== "") {
      setViews([...views.filter((other) => other.name !== called), { name: called, query: now }].slice(-VIEWS_MAX));
      setNaming(false);
      setName("");
    }
  };
  if (views.length === 0 && now === "") {
    return null;
  }
  return (
    <div className="bar saved-views" role="group" aria-label="Saved views">
      {views.map((saved) => (
        <button key={saved.name} type="button" className="chip" aria-pressed={saved === chosen} onClick={() => open(saved === chosen ? "" : saved.query)}>
          {saved.name}
        </button>
      ))}
      {chosen ? (
        <button type="button" className="link-button" onClick={() => setViews(views.filter((other) => other !== chosen))}>
          Forget “{chosen.name}”
        </button>
      ) : now === "" ? null : (
        <button type="button" className="link-button" onClick={() => setNaming(true)}>
          Save this view
        </button>
      )}
      <Modal opened={isNaming} onClose={() => setNaming(false)} title="Save this view" closeButtonProps={{ "aria-label": "Close" }}>
        <form className="stack" onSubmit={save}>
          <p>Filters and order under a name, for you in this browser.</p>
          <TextInput label="Name" required maxLength={NAME_MAX} value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus />
          <div className="bar">
            <Button type="submit">Save</Button>
          </div>
        </form>
      </Modal>
    </div>
  );
}
