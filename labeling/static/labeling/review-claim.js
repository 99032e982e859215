/* The claim on a pair: renewed while somebody works, released as they leave without deciding. */
import {post} from "../governance/drafts.js";

const RENEW_EVERY = 60_000, IDLE_AFTER = 10 * 60_000;
let lastActive = Date.now();

for (const kind of ["input", "keydown", "pointerdown", "scroll"]) {
    document.addEventListener(kind, () => { lastActive = Date.now(); }, {passive: true});
}

export class Claim {
    constructor(form) {
        this.url = form.dataset.claimUrl;
        this.taken = form.dataset.taken;
        this.token = form.elements.csrfmiddlewaretoken.value;
        this.onHide = () => this.release();
        this.timer = setInterval(() => this.renew(), RENEW_EVERY);
        window.addEventListener("pagehide", this.onHide);
    }

    body(more = {}) {
        return new URLSearchParams({csrfmiddlewaretoken: this.token, ...more});
    }

    async renew() {
        if (Date.now() - lastActive > IDLE_AFTER) return;
        const answer = await post(this.url, this.body()).catch(() => null);
        if (answer?.ok) this.taken = (await answer.json()).taken || this.taken;
    }

    // Names the claim that this page was given: another tab that took it since keeps it.
    release() {
        this.stop();
        navigator.sendBeacon(this.url, this.body({release: "1", taken: this.taken}));
    }

    stop() {
        clearInterval(this.timer);
        window.removeEventListener("pagehide", this.onHide);
    }
}
