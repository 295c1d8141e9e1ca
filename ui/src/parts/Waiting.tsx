import "./states.css";

/** The shape of rows that are on their way; it shows itself only after 150 ms, so that quick answers do not flicker. */
export function WaitingRows({ rows = 6, what }: { rows?: number; what: string }) {
  return (
    <div className="waiting" role="status" aria-label={`${what} are being read`}>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} className="waiting-row" />
      ))}
    </div>
  );
}
