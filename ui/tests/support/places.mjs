import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Pictures, speech and logs of a run. */
export const artifacts = process.env.SWITCHBOARD_UI_ARTIFACTS ?? `${root}target/ui-tests`;
/** The form of every change; without it, all there is. */
export const isBounded = process.env.SWITCHBOARD_UI_BOUNDED === "1";
