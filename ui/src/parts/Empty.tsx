import type { ReactNode } from "react";
import "./states.css";

/** What will stand here, why there is nothing yet, and the one thing to do. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state-box">
      <p>
        <b>{title}</b>
      </p>
      {children}
    </div>
  );
}
