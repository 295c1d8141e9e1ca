import { Modal } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { mayAs } from "../api/login";
import { PAGES } from "./navigation";
import { usePath, useSignedIn } from "./tenant";

interface Entry {
  id: string;
  label: string;
  hint: string;
  run: () => void;
}

const RECENT_KEY = "switchboard-palette";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** ⌘K: pages, a call by its id, a search among calls; what was used last comes first. */
export function Palette({ isOpen, setOpen }: { isOpen: boolean; setOpen: (isOpen: boolean) => void }) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setOpen(true);
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [setOpen]);
  return (
    <Modal opened={isOpen} onClose={() => setOpen(false)} withCloseButton={false} title="Find or do" transitionProps={{ duration: 0 }} classNames={{ header: "hidden-text" }} yOffset="10vh">
      {isOpen ? <Entries close={() => setOpen(false)} /> : null}
    </Modal>
  );
}

function Entries({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const entries = useEntries(text.trim());
  const list = useRef<HTMLUListElement>(null);
  const at = Math.min(chosen, entries.length - 1);
  const run = (entry: Entry | undefined) => {
    if (entry) {
      remember(entry.id);
      close();
      entry.run();
    }
  };
  const press = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && entries.length > 0) {
      event.preventDefault();
      const next = (at + step + entries.length) % entries.length;
      setChosen(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(entries[at]);
    }
  };
  return (
    <>
      <input
        className="palette-input"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={entries[at] ? `palette-${entries[at].id}` : undefined}
        aria-label="Find or do"
        placeholder="A page, a call's id, words of a call"
        value={text}
        data-autofocus
        onChange={(event) => {
          setText(event.target.value);
          setChosen(0);
        }}
        onKeyDown={press}
      />
      <ul id="palette-list" ref={list} role="listbox" aria-label="Results" className="palette-list">
        {entries.map((entry, index) => (
          <li key={entry.id} id={`palette-${entry.id}`} role="option" aria-selected={index === at} onClick={() => run(entry)} onMouseMove={() => setChosen(index)}>
            {entry.label} <span className="quiet small">{entry.hint}</span>
          </li>
        ))}
      </ul>
      {entries.length === 0 ? <p className="quiet">Nothing of that name.</p> : null}
    </>
  );
}

function useEntries(text: string): Entry[] {
  const login = useSignedIn();
  const path = usePath();
  const go = useNavigate();
  return useMemo(() => {
    const open = (to: string) => () => void go(to);
    const pages: Entry[] = PAGES.filter((page) => mayAs(login, page.role)).map((page) => ({
      id: page.path || "home",
      label: page.label,
      hint: `g ${page.letter}`,
      run: open(path(page.path)),
    }));
    pages.push({ id: "second-factor", label: "Second factor", hint: "your login", run: open(path("second-factor")) });
    const recent = recents();
    const rank = (entry: Entry) => (recent.indexOf(entry.id) + 100) % 100;
    const words = text.toLowerCase();
    const found = pages.filter((entry) => entry.label.toLowerCase().includes(words)).sort((one, other) => rank(one) - rank(other));
    if (UUID.test(text)) {
      found.push({ id: "call", label: "Open the call", hint: text, run: open(path(`calls/${text}`)) });
    } else if (text.length > 1) {
      found.push({ id: "search", label: `Search calls for “${text}”`, hint: "", run: open(`${path("calls")}?q=${encodeURIComponent(text)}`) });
    }
    return found;
  }, [text, login, path, go]);
}

function recents(): string[] {
  return (localStorage.getItem(RECENT_KEY) ?? "").split(" ").filter(Boolean);
}

function remember(id: string) {
  const kept = [id, ...recents().filter((other) => other !== id)].slice(0, 8);
  localStorage.setItem(RECENT_KEY, kept.join(" "));
}
