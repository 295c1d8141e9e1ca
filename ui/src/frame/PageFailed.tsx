import { Button } from "@mantine/core";
import { useRouteError } from "react-router";

/** A fault of ours in a page, or a page whose file is gone because the server was updated. */
export function PageFailed() {
  const error = useRouteError();
  const text = error instanceof Error ? error.message : String(error);
  const isStale = /dynamically imported module|module script|Failed to fetch/i.test(text);
  return (
    <div className="page-alone" role="alert">
      <h1>{isStale ? "A newer version is there" : "This page failed"}</h1>
      <p>
        {isStale
          ? "The server was updated since you opened it. Reload to go on."
          : "The fault is ours. Nothing was changed. Reload the page; if it fails again, tell the operator the words below."}
      </p>
      <Button onClick={() => location.reload()}>Reload</Button>
      {isStale ? null : <p className="quiet small mono">{text}</p>}
    </div>
  );
}
