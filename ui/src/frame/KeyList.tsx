import { Modal, Switch } from "@mantine/core";
import { useState } from "react";
import { keysAreOff, turnKeys, useAllKeys } from "./keys";

export function KeyList({ isOpen, close }: { isOpen: boolean; close: () => void }) {
  const all = useAllKeys();
  const [isOff, setOff] = useState(keysAreOff);
  const turn = (off: boolean) => {
    turnKeys(off);
    setOff(off);
  };
  return (
    <Modal opened={isOpen} onClose={close} title="Keys of this page" closeButtonProps={{ "aria-label": "Close" }}>
      <table className="key-list">
        <tbody>
          <tr>
            <td>
              <kbd>⌘ K</kbd> or <kbd>Ctrl K</kbd>
            </td>
            <td>Find or do</td>
          </tr>
          {isOpen
            ? all().map((key) => (
                <tr key={key.keys}>
                  <td>
                    {key.keys.split(" ").map((part) => (
                      <kbd key={part}>{part}</kbd>
                    ))}
                  </td>
                  <td>{key.what}</td>
                </tr>
              ))
            : null}
        </tbody>
      </table>
      <Switch checked={!isOff} onChange={(event) => turn(!event.currentTarget.checked)} label="Single letters act" description="Off for voice control and screen readers that use letters" />
    </Modal>
  );
}
