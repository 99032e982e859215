/* What is typed about a pair: sent a moment after each change, kept in this browser while there is no connection. */
import {postTo} from "./review-claim.js";

const SAVE_AFTER = 500, TRY_AGAIN_AFTER = 5000;

export class Draft {
    constructor(form) {
        this.form = form;
        this.url = form.dataset.draftUrl;
        this.key = form.dataset.draftKey;
        this.waiting = null;
        this.isLeaving = false;
        this.onChange = (event) => event.target.name && this.saveLater();
        this.onUnload = (event) => this.waiting !== null && !this.isLeaving && event.preventDefault();
        form.addEventListener("input", this.onChange);
        form.addEventListener("change", this.onChange);
        window.addEventListener("beforeunload", this.onUnload);
        this.bring();
    }

    say(text) {
        this.form.querySelector("[data-draft-state]").textContent = text;
    }

    entered() {
        return new URLSearchParams(new FormData(this.form));
    }

    saveLater(delay = SAVE_AFTER) {
        clearTimeout(this.waiting);
        this.waiting = setTimeout(() => this.save(), delay);
    }

    async save() {
        const body = this.entered();
        try {
            const answer = await postTo(this.url, body);
            const told = await answer.json();
            if (!answer.ok) throw new Error(told.error);
            localStorage.removeItem(this.key);
            this.waiting = null;
            this.say(`Draft saved ${told.saved_at}`);
        } catch {
            if (this.isLeaving) return;
            localStorage.setItem(this.key, body.toString());
            this.say("Not saved yet: no connection. Kept in this browser.");
            this.saveLater(TRY_AGAIN_AFTER);
        }
    }

    // What a page without connection has left in this browser goes to the server first, then the page shows it.
    async bring() {
        const text = localStorage.getItem(this.key);
        if (text === null) return;
        const body = new URLSearchParams(text);
        body.set("csrfmiddlewaretoken", this.form.elements.csrfmiddlewaretoken.value);
        const answer = await postTo(this.url, body).catch(() => null);
        if (!answer?.ok) return;
        localStorage.removeItem(this.key);
        window.location.reload();
    }

    // A decision is on its way: nothing more is saved behind it.
    pause() {
        clearTimeout(this.waiting);
        this.isLeaving = true;
    }

    isGoing() {
        this.pause();
        localStorage.removeItem(this.key);
    }

    done() {
        localStorage.removeItem(this.key);
        this.waiting = null;
    }

    keepHere(text) {
        this.isLeaving = false;
        localStorage.setItem(this.key, this.entered().toString());
        this.saveLater(TRY_AGAIN_AFTER);
        this.say(text);
    }

    stop() {
        this.pause();
        window.removeEventListener("beforeunload", this.onUnload);
    }
}
