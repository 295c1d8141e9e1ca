"""The dashboard in Firefox: signing in, a talk with the agent on the Talk page, the call on the Calls page. Its own fake microphone
hums, so what a person says is typed. All of the pages are tried in Chromium by `ui/tests`."""

import json

import httpx

from facts import Endpoint, check, require
from webrtc_firefox import firefox

# Runs in the page: what a person does with eyes, mouse and keyboard, without a library.
USE = """async (email, password) => {
    const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const find = (selector, words) => [...document.querySelectorAll(selector)].find((it) => words.test(it.textContent.trim()));
    const until = async (what, holds) => {
        for (let waited = 0; waited < 250; waited += 1) {
            const found = holds();
            if (found) return found;
            await later(100);
        }
        throw new Error(`waited in vain: ${what}. On the page: ${document.body.innerText.slice(0, 400)}`);
    };
    const fill = (field, words) => {
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, words);
        field.dispatchEvent(new Event("input", {bubbles: true}));
    };
    const faults = [];
    addEventListener("error", (event) => faults.push(event.message));
    fill(await until("the form", () => document.querySelector("input[name=email]")), email);
    fill(document.querySelector("input[name=password]"), password);
    find("button", /^Sign in$/).click();
    await until("Home", () => find("h1", /^Home$/));
    find("a", /^Talk$/).click();
    (await until("the Talk page", () => find("button", /^Start talking$/))).click();
    const lines = () => document.querySelector("[aria-label='What is being said']")?.textContent ?? "";
    await until("the agent speaks", () => lines().length > 20);
    const field = await until("a field", () => document.querySelector("[aria-label='Type instead of speaking']"));
    fill(field, "I would like to book a facial on Tuesday afternoon");
    field.form.requestSubmit();
    await until("the agent answers", () => /facial/i.test(lines()) && lines().length > 120);
    (await until("an end", () => document.querySelector("button[data-danger]"))).click();
    await until("the end", () => find("button", /^Talk again$/) ?? /ended/.test(document.body.innerText));
    find("a", /^Calls$/).click();
    const row = await until("a call", () => document.querySelector(".calls-table tbody tr"));
    return JSON.stringify({said: lines(), row: row.textContent, faults});
}"""


async def the_dashboard_works_in_firefox(endpoint: Endpoint) -> None:
    async with httpx.AsyncClient() as client:
        first_run = await client.get(f"{endpoint.server}/api/v1/first-run")
    logins = [login for login in first_run.json()["demo_logins"] if login["tenant"] == endpoint.agent]
    require(logins, f"the demo has no login of {endpoint.agent}")
    async with firefox() as page:
        await page.visit(f"{endpoint.server}/sign-in")
        seen = json.loads(await page.run(USE, logins[0]["email"], logins[0]["password"]))
    require(seen["row"].strip(), f"no call on the Calls page: {seen}")
    require(not seen["faults"], f"the pages failed: {seen['faults']}")


if __name__ == "__main__":
    check([the_dashboard_works_in_firefox])
