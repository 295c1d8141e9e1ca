import assert from "node:assert/strict";

/** What a caller says, by what the agent asks. The recogniser may hear a sentence wrongly and the agent asks again, as
 *  with any caller; so this listens to the question instead of reciting. */
const ANSWERS = [
  [/You are booked/, null],
  [/want me to book|shall I book/i, "yes please"],
  [/your name/i, "my name is Mary Smith"],
  [/did you say/i, "yes please"],
  [/which (day|date)/i, "Tuesday afternoon please"],
  [/which (time|one)|or \d|o'clock| PM/i, "the first one please"],
  [/help you|would you like|service/i, "I would like to book a facial"],
];

const QUESTIONS_MAX = 14;

/** Answers each question until the appointment is booked; `tell` says or types a sentence. */
export async function books(talk, tell) {
  const { page } = talk;
  for (let asked = 0; asked < QUESTIONS_MAX; asked += 1) {
    const question = await lastOfAgent(page);
    const [, answer] = ANSWERS.find(([pattern]) => pattern.test(question)) ?? [null, "I would like to book a facial"];
    if (answer === null) {
      return;
    }
    await tell(answer, question);
    await talk.until("the agent answers", async () => (await lastOfAgent(page)) !== question && (await talk.isListening()));
  }
  assert.fail(`not booked after ${QUESTIONS_MAX} questions:\n${await talk.lines.innerText()}`);
}

export async function lastOfAgent(page) {
  const said = page.locator(".talk-line", { has: page.locator(".tone-agent") }).last();
  return said.locator("p").innerText();
}
