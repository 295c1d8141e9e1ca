/** Keys of the page: one registry, so that `?` can list them. Letters act only outside of fields and can be switched off. */
import { createContext, useContext, useEffect, useRef, type ReactNode } from "react";

export interface Key {
  /** As pressed: `j`, `/`, `Enter`, or two in a row: `g c`. */
  keys: string;
  what: string;
  run: () => void;
}

interface Registry {
  sets: Set<{ current: Key[] }>;
}

const KeysContext = createContext<Registry | null>(null);

/** Two keys belong together if the second comes within this time. */
const PAIR_MS = 1200;
const OFF_KEY = "switchboard-keys-off";

export function keysAreOff(): boolean {
  return localStorage.getItem(OFF_KEY) === "1";
}

export function turnKeys(isOff: boolean) {
  localStorage.setItem(OFF_KEY, isOff ? "1" : "0");
}

function isField(target: EventTarget | null): boolean {
  const element = target instanceof HTMLElement ? target : null;
  return element !== null && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
}

export function KeysProvider({ children }: { children: ReactNode }) {
  const registry = useRef<Registry>({ sets: new Set() });
  useEffect(() => {
    let first = { key: "", at: 0 };
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isField(event.target) || keysAreOff()) {
        return;
      }
      if (document.querySelector('[role="dialog"][aria-modal="true"]')) {
        return;
      }
      const pressed = event.shiftKey && event.key.startsWith("Arrow") ? `Shift+${event.key}` : event.key;
      const pair = event.timeStamp - first.at < PAIR_MS ? `${first.key} ${pressed}` : "";
      first = { key: pressed, at: event.timeStamp };
      const all = [...registry.current.sets].flatMap((set) => set.current);
      const found = all.find((key) => key.keys === pair) ?? all.find((key) => key.keys === pressed);
      const isOnControl = event.target instanceof HTMLElement && event.target.closest("button, a, [role=tab]") !== null;
      if (found && !(isOnControl && /^(Enter| )$/.test(event.key))) {
        event.preventDefault();
        found.run();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  return <KeysContext.Provider value={registry.current}>{children}</KeysContext.Provider>;
}

/** Adds keys while the component is shown. */
export function useKeys(keys: Key[]) {
  const registry = useContext(KeysContext);
  const set = useRef(keys);
  set.current = keys;
  useEffect(() => {
    registry?.sets.add(set);
    return () => void registry?.sets.delete(set);
  }, [registry]);
}

/** All keys that act now, for the list of `?`. */
export function useAllKeys(): () => Key[] {
  const registry = useContext(KeysContext);
  return () => [...(registry?.sets ?? [])].flatMap((set) => set.current);
}
