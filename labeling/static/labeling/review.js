/* One key decides and the next pair comes: a, e, r, f, s, p, u press the button or link that shows the key.
   What is typed is kept on the server a moment later; without a connection in this browser, until there is one. */
"use strict";
{
    const form = document.querySelector("form[data-review-form]");
    const isTyping = (target) => Boolean(target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, dialog"));
    const keysAllowed = () => localStorage.getItem("workbench.keys") !== "off";
    const post = (url, body, options = {}) => fetch(url, {method: "POST", body, credentials: "same-origin", ...options});

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
        spot.click();
    }

    // ---- drafts ------------------------------------------------------------------------------
    const SAVE_AFTER = 500, TRY_AGAIN_AFTER = 5000;
    let waiting = null, isLeaving = false;

    function say(text) {
        form.querySelector("[data-draft-state]").textContent = text;
    }

    const entered = () => new URLSearchParams(new FormData(form));

    function saveLater(delay = SAVE_AFTER) {
        clearTimeout(waiting);
        waiting = setTimeout(save, delay);
    }

    async function save() {
        const {draftUrl, draftKey} = form.dataset;
        const text = entered().toString();
        try {
            const answer = await post(draftUrl, new URLSearchParams(text));
            const told = await answer.json();
            if (!answer.ok) throw new Error(told.error);
            localStorage.removeItem(draftKey);
            waiting = null;
            say(`Draft saved ${told.saved_at}`);
        } catch (error) {
            localStorage.setItem(draftKey, text);
            say("Not saved yet: no connection. Kept in this browser.");
            saveLater(TRY_AGAIN_AFTER);
        }
    }

    // What a page without connection has left in this browser goes to the server first, then the page shows it.
    async function bringDraft() {
        const text = localStorage.getItem(form.dataset.draftKey);
        if (text === null) return;
        const body = new URLSearchParams(text);
        body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
        const answer = await post(form.dataset.draftUrl, body).catch(() => null);
        if (!answer?.ok) return;
        localStorage.removeItem(form.dataset.draftKey);
        window.location.reload();
    }

    function startDrafts() {
        bringDraft();
        form.addEventListener("input", (event) => event.target.name && saveLater());
        form.addEventListener("change", (event) => event.target.name && saveLater());
        form.addEventListener("submit", () => {
            isLeaving = true;
            clearTimeout(waiting);
            localStorage.removeItem(form.dataset.draftKey);
        });
        window.addEventListener("beforeunload", (event) => {
            if (waiting !== null && !isLeaving) event.preventDefault();
        });
    }

    // ---- the claim on this pair ----------------------------------------------------------------
    const RENEW_EVERY = 60_000, IDLE_AFTER = 10 * 60_000;
    let lastActive = Date.now();

    function aboutClaim(more = {}) {
        return new URLSearchParams({csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value, ...more});
    }

    function startClaim() {
        for (const kind of ["input", "keydown", "pointerdown", "scroll"]) {
            document.addEventListener(kind, () => { lastActive = Date.now(); }, {passive: true});
        }
        setInterval(() => {
            if (Date.now() - lastActive < IDLE_AFTER) post(form.dataset.claimUrl, aboutClaim()).catch(() => {});
        }, RENEW_EVERY);
        window.addEventListener("pagehide", () => {
            if (!isLeaving) navigator.sendBeacon(form.dataset.claimUrl, aboutClaim({release: "1"}));
        });
    }

    if (form) {
        document.addEventListener("keydown", onKey);
        form.querySelector("[data-focus-answer]")?.addEventListener("click", focusAnswer);
        form.addEventListener("input", (event) => {
            if (event.target.closest("[data-answer], details")) sayEdited();
        });
        if (form.dataset.draftUrl) startDrafts();
        if (form.dataset.claimUrl) startClaim();
    }
}
