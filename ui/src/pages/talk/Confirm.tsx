import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { plain } from "../../words/ends";

/** As long as the server waits for an answer; none means no. */
const ANSWER_S = 25;

interface ConfirmProps {
  /** What the agent asks, with the values that will be written. */
  question: string;
  tool: string;
  answer: (agrees: boolean) => void;
}

/** The question before a write. It takes no focus: somebody may be typing. Speaking the answer works as well. */
export function Confirm({ question, tool, answer }: ConfirmProps) {
  const [left, setLeft] = useState(ANSWER_S);
  const until = useRef(Date.now() + ANSWER_S * 1000);
  useEffect(() => {
    const timer = setInterval(() => setLeft(Math.max(0, Math.ceil((until.current - Date.now()) / 1000))), 250);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className="talk-confirm" role="group" aria-label={`Question before ${plain(tool).toLowerCase()}`}>
      <p>
        <b>{question}</b>
      </p>
      <div className="bar">
        <Button onClick={() => answer(true)}>Yes, do it</Button>
        <Button variant="default" onClick={() => answer(false)}>
          Don't
        </Button>
        <span className="quiet">No answer in {left} s means no.</span>
      </div>
    </div>
  );
}
