/* One key decides and the next pair comes: a, e, r, f, s, p, u press the button or link that shows the key. */
"use strict";
{
    const form = document.querySelector("form[data-review-form]");
    const isTyping = (target) => Boolean(target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, dialog"));
    const keysAllowed = () => localStorage.getItem("workbench.keys") !== "off";

    function focusAnswer() {
        form.querySelector("[data-answer] input:not([type=hidden]), [data-answer] textarea, [data-answer] select")?.focus();
    }

    // Approving always takes the form as it stands; the button says so once something was changed.
    function sayEdited() {
        const button = form.querySelector("[data-edited-label]");
        if (button) button.querySelector("[data-label]").textContent = button.dataset.editedLabel;
    }

    document.addEventListener("keydown", (event) => {
        if (!form || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
        if (event.key === "Escape" && isTyping(event.target)) return event.target.blur();
        if (isTyping(event.target) || !keysAllowed()) return;
        const spot = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
        if (!spot) return;
        event.preventDefault();
        spot.click();
    });

    form?.querySelector("[data-focus-answer]")?.addEventListener("click", focusAnswer);
    form?.addEventListener("input", (event) => {
        if (event.target.closest("[data-answer], details")) sayEdited();
    });
}
