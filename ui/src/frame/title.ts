import { useEffect } from "react";

/** The title of the tab; what matters first, so that a narrow tab shows it. */
export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Switchboard`;
  }, [title]);
}
