import { Button } from "@mantine/core";
import { ProblemError, UnreachableError } from "../api/request";
import "./states.css";

interface FailureProps {
  /** What failed, as "The calls could not be read." */
  what: string;
  error: unknown;
  retry?: () => void;
}

/** What failed, why as far as the server said, and what to do. */
export function Failure({ what, error, retry }: FailureProps) {
  const problem = error instanceof ProblemError ? error.problem : null;
  const why = error instanceof UnreachableError ? "The server did not answer. Nothing was changed." : (problem?.detail ?? problem?.title);
  return (
    <div className="state-box" role="alert">
      <p>
        <b>
          <span aria-hidden="true" className="tone-bad">
            ✕{" "}
          </span>
          {what}
        </b>
      </p>
      {why ? <p>{why}</p> : null}
      {retry ? (
        <Button variant="default" onClick={retry}>
          Try again
        </Button>
      ) : null}
      {problem ? (
        <p className="quiet small mono">
          {problem.code}
          {problem.request_id ? ` · request ${problem.request_id}` : ""}
        </p>
      ) : null}
    </div>
  );
}
