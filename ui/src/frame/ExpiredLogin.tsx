import { Modal } from "@mantine/core";
import { SignInForm } from "../pages/sign-in/SignInForm";

/** The login ended while a page is open. What was written there stays. */
export function ExpiredLogin({ email, onSignedIn }: { email: string; onSignedIn: () => void }) {
  return (
    <Modal opened onClose={() => {}} withCloseButton={false} closeOnClickOutside={false} title="Your login has ended">
      <p className="quiet">Sign in again; what you were doing is still here.</p>
      <SignInForm email={email} onSignedIn={onSignedIn} />
    </Modal>
  );
}
