import { Button, PasswordInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type FormEvent } from "react";
import { useNavigate } from "react-router";
import { LOGIN_KEY } from "../../api/login";
import { post } from "../../api/request";
import type { Login } from "../../api/types";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { PASSWORD_LENGTH_MIN } from "../../words/passwords";
import "../sign-in/sign-in.css";

/** Somebody who was invited chooses a password and is signed in. */
export default function Invitation() {
  // Behind the `#`, which browsers do not send: it appears in no log.
  const [token] = useState(() => new URLSearchParams(location.hash.slice(1)).get("token") ?? "");
  const queries = useQueryClient();
  const go = useNavigate();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    document.title = "Invitation · Switchboard";
  }, []);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const { password } = Object.fromEntries(new FormData(event.currentTarget));
    setBusy(true);
    setError(null);
    try {
      queries.setQueryData(LOGIN_KEY, await post<Login>("/api/v1/invitation", { token, password }));
      await queries.invalidateQueries({ queryKey: LOGIN_KEY });
      void go("/", { replace: true });
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="page-alone">
      <h1>Accept your invitation</h1>
      {token === "" ? (
        <Empty title="This address has no invitation in it.">
          <p>Open the whole link that you were given. It works once, for three days.</p>
        </Empty>
      ) : (
        <>
          <p>Choose a password. The link works once; from then on you sign in with your e-mail address.</p>
          <form className="sign-in stack" onSubmit={(event) => void submit(event)}>
            <PasswordInput
              label="Password"
              name="password"
              autoComplete="new-password"
              required
              minLength={PASSWORD_LENGTH_MIN}
              description={`At least ${PASSWORD_LENGTH_MIN} characters; a sentence is fine`}
              visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
            />
            {error ? <Failure what="The invitation was not accepted." error={error} /> : null}
            <Button type="submit" loading={isBusy}>
              Accept and sign in
            </Button>
          </form>
        </>
      )}
    </main>
  );
}
