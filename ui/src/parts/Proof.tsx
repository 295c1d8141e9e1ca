import { Button, Modal, PasswordInput, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { post } from "../api/request";
import { useSignedIn } from "../frame/tenant";
import { Failure } from "./Failure";

interface ProofProps {
  title: string;
  /** What follows, and whether it can be undone. */
  children: React.ReactNode;
  /** Verb first, as on every button. */
  action: string;
  isDanger?: boolean;
  run: () => Promise<void>;
  close: () => void;
}

/** What is most dangerous is done by whoever shows a code, or the password, once more. */
export function Proof({ title, children, action, isDanger = false, run, close }: ProofProps) {
  const { second_factor: factor } = useSignedIn();
  const [shown, setShown] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await post("/api/v1/session/proof", factor.enrolled ? { code: shown.replaceAll(" ", "") } : { password: shown });
      await run();
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ "aria-label": "Close" }}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        {children}
        {factor.enrolled ? (
          <TextInput
            label="The code your authenticator shows now"
            description="Or one of your recovery codes"
            autoComplete="one-time-code"
            required
            data-autofocus
            value={shown}
            onChange={(event) => setShown(event.currentTarget.value)}
          />
        ) : (
          <PasswordInput
            label="Your password"
            autoComplete="current-password"
            required
            data-autofocus
            value={shown}
            onChange={(event) => setShown(event.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
          />
        )}
        {error ? <Failure what="Nothing was changed." error={error} /> : null}
        <div className="bar">
          <Button variant="default" onClick={close}>
            Leave it as it is
          </Button>
          <Button type="submit" loading={isBusy} {...(isDanger ? { color: "red", "data-danger": true } : {})}>
            {action}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
