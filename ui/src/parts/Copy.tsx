import { notifications } from "@mantine/notifications";
import type { ReactNode } from "react";
import "./copy.css";

/** Text that a click copies, whole. */
export function Copy({ value, what, children }: { value: string; what: string; children: ReactNode }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      notifications.show({ message: `Copied ${what}.` });
    } catch {
      notifications.show({ message: `The browser did not allow copying. ${what}: ${value}` });
    }
  };
  return (
    <button type="button" className="copy" title={`Copy ${what}`} onClick={copy}>
      {children}
      <span className="hidden-text">, copy {what}</span>
    </button>
  );
}
