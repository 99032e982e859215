/* Keeps what is entered about an item: on the server a moment after each change, in this browser while there is no
   connection. Forms say where with data-label-draft (address) and data-label-draft-key. */
"use strict";
{
    const SAVE_AFTER = 500, TRY_AGAIN_AFTER = 5000;
    const form = document.querySelector("form[data-label-draft]");
    const entered = () => new URLSearchParams(new FormData(form)).toString();
    const send = (text) => fetch(form.dataset.labelDraft, {method: "POST", body: new URLSearchParams(text), credentials: "same-origin"});
    let waiting = null, isLeaving = false, before = "";

    function say(text) {
        form.querySelector("[data-draft-state]").textContent = text;
    }

    function saveLater(delay = SAVE_AFTER) {
        clearTimeout(waiting);
        waiting = setTimeout(save, delay);
    }

    async function save() {
        const text = entered(), key = form.dataset.labelDraftKey;
        if (text === before) { waiting = null; return; }
        try {
            const answer = await send(text);
            const told = await answer.json();
            if (!answer.ok) return say(told.error);
            before = text;
            localStorage.removeItem(key);
            waiting = null;
            say(`Draft saved ${told.saved_at}`);
        } catch {
            localStorage.setItem(key, text);
            say("Not saved yet: no connection. Kept in this browser.");
            saveLater(TRY_AGAIN_AFTER);
        }
    }

    // What a page without connection has left in this browser goes to the server first, then the page shows it.
    async function bringDraft() {
        const text = localStorage.getItem(form.dataset.labelDraftKey);
        if (text === null) return;
        const body = new URLSearchParams(text);
        body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
        const answer = await send(body.toString()).catch(() => null);
        if (!answer?.ok) return;
        localStorage.removeItem(form.dataset.labelDraftKey);
        window.location.reload();
    }

    if (form) {
        before = entered();
        bringDraft();
        form.addEventListener("input", () => saveLater());
        form.addEventListener("change", () => saveLater());
        form.addEventListener("submit", () => {
            isLeaving = true;
            clearTimeout(waiting);
            localStorage.removeItem(form.dataset.labelDraftKey);
        });
        window.addEventListener("beforeunload", (event) => {
            if (waiting !== null && !isLeaving) event.preventDefault();
        });
    }
}
