/* Passkeys: ties the buttons that say data-webauthn to allauth's functions. Everything else works without this. */
"use strict";
{
    const ROLES = { authenticateForm: "authenticate", addForm: "add", loginForm: "login" };
    const WORDS = "The browser did not get an answer from your key. Try again, or use another way.";

    function tie(button) {
        const { webauthn, credential, options, passwordless } = button.dataset;
        const ids = { [ROLES[webauthn]]: button.id, credential, data: options, passwordless };
        window.allauth.webauthn.forms[webauthn]({ ids });
    }

    function say(event) {
        event.preventDefault();
        const button = document.querySelector("[data-webauthn]");
        let note = document.getElementById("webauthn-error");
        if (!note) {
            note = document.createElement("p");
            note.id = "webauthn-error";
            note.className = "errornote";
            note.setAttribute("role", "alert");
            button.closest("form, div").before(note);
        }
        note.textContent = WORDS;
    }

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("[data-webauthn]").forEach(tie);
        document.addEventListener("allauth.error", say);
    });
}
