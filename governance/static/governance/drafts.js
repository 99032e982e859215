/* What is entered is not lost without a connection. A form with data-draft-url is kept in this browser with every
   change and on the server a moment later; what the server has not got goes there from the next page that this person
   opens, and leaves this browser when they log out. Any other form is not sent while there is no connection. */
const PREFIX = "workbench.draft.";
const SAVE_AFTER = 500, TRY_AGAIN_AFTER = 5000, NO_ANSWER_AFTER = 15_000;
const WORDS = {
    offline: "Not saved yet: no connection. Kept in this browser.",
    loggedOut: "Not saved: you are logged out. Kept in this browser; log in again in another tab, then reload this page.",
    changed: "Not saved: you logged in anew. Kept in this browser; reload this page.",
    notSent: "Nothing was sent: no connection. What you entered is still here; send it again when there is one.",
    notOut: "You are still logged in: something you entered could not be sent, for lack of a connection. Try again.",
};
const mine = `${PREFIX}${document.body.dataset.person ?? ""}.`;
const keptUrls = () => Object.keys(localStorage).filter((key) => key.startsWith(mine)).map((key) => key.slice(mine.length));

export const post = (url, body, more = {}) =>
    fetch(url, {method: "POST", body, credentials: "same-origin", signal: AbortSignal.timeout(NO_ANSWER_AFTER), ...more});

// Whether the server has it, will never take it, or may take it later; and the words for the page.
async function send(url, text) {
    const body = new URLSearchParams(text);
    body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "");
    try {
        const answer = await post(url, body);
        if (answer.redirected) return {words: WORDS.loggedOut};
        const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
        if (!isJson) return {isRefused: answer.status === 404, words: answer.status === 403 ? WORDS.changed : WORDS.offline};
        const told = await answer.json();
        return answer.ok ? {isSaved: true, words: `Draft saved ${told.saved_at}`} : {isRefused: true, words: told.error};
    } catch {
        return {words: WORDS.offline};
    }
}

// Returns whether nothing of this is left in this browser.
async function sendKept(urls) {
    for (const url of urls) {
        const told = await send(url, localStorage.getItem(mine + url) ?? "");
        if (told.isSaved || told.isRefused) localStorage.removeItem(mine + url);
    }
    return urls.every((url) => localStorage.getItem(mine + url) === null);
}

export class Draft {
    constructor(form) {
        this.form = form;
        this.url = form.dataset.draftUrl;
        this.key = mine + this.url;
        this.waiting = null;
        this.isStopped = this.isLoose = false;
        this.saved = this.entered();
        this.onChange = (event) => event.target.name && this.changed();
        this.onOnline = () => this.waiting !== null && this.save();
        this.onUnload = (event) => this.isLoose && event.preventDefault();
        for (const kind of ["input", "change"]) form.addEventListener(kind, this.onChange);
        window.addEventListener("online", this.onOnline);
        window.addEventListener("beforeunload", this.onUnload);
        this.bring();
    }

    say(text, isSaved = false) {
        const spot = this.form.querySelector("[data-draft-state]");
        spot.textContent = text;
        spot.classList.toggle("unsaved", !isSaved);
    }

    entered() {
        const data = new FormData(this.form);
        data.delete("csrfmiddlewaretoken");
        return new URLSearchParams(data).toString();
    }

    changed() {
        this.keep();
        this.saveLater(SAVE_AFTER);
    }

    // Where the browser keeps nothing, such as when its store is full, it asks before the page is left.
    keep() {
        try {
            localStorage.setItem(this.key, this.entered());
            this.isLoose = false;
        } catch {
            this.isLoose = true;
        }
    }

    forget() {
        localStorage.removeItem(this.key);
        this.isLoose = false;
    }

    saveLater(delay) {
        clearTimeout(this.waiting);
        this.waiting = setTimeout(() => this.save(), delay);
    }

    // Returns whether the server has what is on the page.
    async save() {
        this.pause();
        const text = this.entered();
        const told = await send(this.url, text);
        if (told.isSaved) this.saved = text;
        if (told.isSaved && localStorage.getItem(this.key) === text) this.forget();
        if (this.isStopped) return Boolean(told.isSaved);
        if (!told.isSaved && !told.isRefused && this.waiting === null) this.saveLater(TRY_AGAIN_AFTER);
        this.say(told.words, told.isSaved);
        return Boolean(told.isSaved || told.isRefused);
    }

    // What a page without connection has left in this browser goes to the server first, then the page shows it.
    async bring() {
        if (localStorage.getItem(this.key) === null) return;
        const isSent = await sendKept([this.url]);
        if (isSent && !this.isStopped && this.entered() === this.saved) window.location.reload();
    }

    pause() {
        clearTimeout(this.waiting);
        this.waiting = null;
    }

    // It was sent for good, or thrown away.
    done() {
        this.pause();
        this.saved = this.entered();
        this.forget();
    }

    keepHere(text) {
        this.keep();
        this.saveLater(TRY_AGAIN_AFTER);
        this.say(text);
    }

    // The page shows another form from now on.
    stop() {
        this.isStopped = true;
        window.removeEventListener("online", this.onOnline);
        window.removeEventListener("beforeunload", this.onUnload);
        this.pause();
        if (localStorage.getItem(this.key) !== null) sendKept([this.url]);
    }
}

function notice(text) {
    let spot = document.querySelector("[data-connection]");
    if (!spot) {
        spot = Object.assign(document.createElement("p"), {className: "errornote"});
        spot.dataset.connection = "";
        spot.setAttribute("role", "alert");
        document.querySelector("#content").prepend(spot);
    }
    spot.textContent = text;
    spot.scrollIntoView({block: "nearest"});
}

async function onSubmit(event) {
    const form = event.target;
    if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
    if (!navigator.onLine) {
        event.preventDefault();
        notice(WORDS.notSent);
    } else if (form.matches("[data-logout]") && keptUrls().length) {
        event.preventDefault();
        await sendKept(keptUrls()) ? form.submit() : notice(WORDS.notOut);
    }
}

function start() {
    const here = document.querySelector("form[data-draft-url]")?.dataset.draftUrl;
    const elsewhere = () => sendKept(keptUrls().filter((url) => url !== here));
    window.addEventListener("submit", onSubmit);  // after the page's own
    window.addEventListener("online", () => {
        document.querySelector("[data-connection]")?.remove();
        elsewhere();
    });
    elsewhere();
}

if (document.body.dataset.person) start();
