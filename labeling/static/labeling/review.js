/* One key decides and the next pair is there: its page was fetched, and its pair claimed, while this one was read.
   What is typed is kept on the server a moment later; without a connection in this browser, until there is one. */
import {Draft, post} from "../governance/drafts.js";
import {isTyping, keysAllowed} from "./parts.js";
import {Claim} from "./review-claim.js";

const PARTS = ["#content-start", "#key-help"];  // what differs from pair to pair
const OFFLINE = "Not sent: no connection. What you typed is kept; decide again when there is one.";

let form = null, draft = null, claim = null;
let ahead = null;  // {page, claim}: of the next pair
let isBusy = false;

// ---- keys ------------------------------------------------------------------------------
function focusAnswer() {
    form.querySelector("[data-answer] input:not([type=hidden]), [data-answer] textarea, [data-answer] select")?.focus();
}

// Approving always takes the form as it stands; the button says so once something was changed.
function sayEdited() {
    const button = form.querySelector("[data-edited-label]");
    if (button) button.querySelector("[data-label]").textContent = button.dataset.editedLabel;
}

function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "Escape" && isTyping(event.target)) return event.target.blur();
    if (isTyping(event.target) || !keysAllowed()) return;
    const spot = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!spot) return;
    event.preventDefault();
    if (!isBusy) spot.click();
}

// ---- the next page ---------------------------------------------------------------------
const parsed = (text) => new DOMParser().parseFromString(text, "text/html");
const formOf = (page) => page.querySelector("form[data-review-form]");

async function fetchAhead() {
    const asked = form;
    if (!asked?.dataset.aheadUrl) return;
    const answer = await fetch(asked.dataset.aheadUrl, {credentials: "same-origin"}).catch(() => null);
    if (!answer?.ok || answer.redirected || answer.status === 204) return;
    const page = parsed(await answer.text());
    const found = formOf(page);
    if (!found?.dataset.claimUrl) return;
    const taken = new Claim(found);
    if (asked !== form) return taken.release();
    ahead = {page, claim: taken};
    for (const picture of page.querySelectorAll(".desk img")) new Image().src = picture.src;
}

// A page that was fetched takes the place of this one; the frame around it stays.
function show(page, url) {
    leave();
    for (const part of PARTS) {
        const here = document.querySelector(part), there = page.querySelector(part);
        if (here && there) here.replaceChildren(...document.importNode(there, true).childNodes);
    }
    document.title = page.title;
    window.history.pushState({}, "", url);
    window.scrollTo(0, 0);
    start();
    document.querySelector("#content-start").focus({preventScroll: true});
}

function leave() {
    draft?.stop();
    claim?.stop();
    draft = claim = null;
    dropAhead();  // one that came too late for this page is not the next one's
}

function showAhead(told) {
    const {page} = ahead;
    ahead.claim.stop();
    ahead = null;
    formOf(page).dataset.taken = told.taken;  // renewed with the decision
    page.querySelector("[data-progress-sentence]").textContent = told.sentence;
    page.querySelector("[data-progress-bar]").replaceChildren(...parsed(told.bar).body.childNodes);
    show(page, told.address);
}

// ---- deciding --------------------------------------------------------------------------
const BY_FETCH = new Set(["approve", "golden", "reject", "flag", "mine", "theirs", "mark", "ungolden", "prompt", "note"]);

async function onSubmit(event) {
    const button = event.submitter;
    if (event.target !== form) return;
    if (!button || !BY_FETCH.has(button.value)) return navigator.onLine && draft?.done();
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    try {
        await send(button);
    } finally {
        isBusy = false;
    }
}

async function send(button) {
    const body = new URLSearchParams(new FormData(form, button)), url = form.getAttribute("action");
    draft?.pause();
    const headers = {"X-Next": ahead ? formOf(ahead.page).dataset.pair : ""};
    const answer = await post(url, body, {headers}).catch(() => null);
    if (answer === null) return draft?.keepHere(OFFLINE);
    if (answer.headers.get("Content-Type")?.startsWith("application/json")) return follow(await answer.json());
    const page = parsed(await answer.text());
    dropAhead();
    if (!formOf(page)) return elsewhere(answer);
    // Refused, or somebody was faster, or the same pair again: the page says so, with what was typed in it.
    draft?.done();
    show(page, answer.redirected ? answer.url : url);
}

// Logged out, or the pair is gone: what was typed stays in this browser for when the pair is opened again.
function elsewhere(answer) {
    draft?.keepHere("Not saved.");
    leave();
    window.location.assign(answer.redirected ? answer.url : window.location.href);
}

async function follow(told) {
    draft?.done();
    if (ahead && told.holds && String(told.version) === formOf(ahead.page).elements["pair-version"].value) return showAhead(told);
    dropAhead();
    const answer = await fetch(told.next, {credentials: "same-origin"}).catch(() => null);
    const page = answer?.ok ? parsed(await answer.text()) : null;
    if (page && formOf(page)) return show(page, answer.url);
    leave();
    window.location.assign(told.next);
}

function dropAhead() {
    ahead?.claim.release();
    ahead = null;
}

// ---- the source item, once the pair is shown ----------------------------------------------
async function fetchSource() {
    const section = document.querySelector("[data-source-url]");
    if (!section) return;
    const answer = await fetch(section.dataset.sourceUrl, {credentials: "same-origin", headers: {"X-Part": "source"}}).catch(() => null);
    if (answer?.ok && !answer.redirected) section.querySelector("[data-source]").innerHTML = await answer.text();
}

function start() {
    form = document.querySelector("form[data-review-form]");
    if (!form) return;
    draft = form.dataset.draftUrl ? new Draft(form) : null;
    claim = form.dataset.claimUrl ? new Claim(form) : null;
    form.querySelector("[data-focus-answer]")?.addEventListener("click", focusAnswer);
    form.addEventListener("input", (event) => event.target.closest("[data-answer], details") && sayEdited());
    fetchSource().then(fetchAhead);
}

document.addEventListener("keydown", onKey);
document.addEventListener("submit", onSubmit);
window.addEventListener("popstate", () => window.location.reload());
window.addEventListener("pagehide", dropAhead);
start();
