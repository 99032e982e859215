/* Keys of the labelling tool: Ctrl+Enter saves from anywhere, 1 to 9 pick a class to mark with, or a choice where
   nothing is marked. Works without, by button. */
"use strict";
{
    const form = document.querySelector("form[data-label-form]");
    const isTyping = (target) => Boolean(target.closest("input:not([type=radio]):not([type=checkbox]), textarea:not([readonly]), select, dialog"));
    const keysAllowed = () => localStorage.getItem("workbench.keys") !== "off";

    function pick(number) {
        const classes = document.querySelectorAll("[data-class-key]");
        if (classes.length) return classes[number - 1]?.click();
        const choices = form.querySelectorAll("input[type=radio], [data-answer] input[type=checkbox]");
        choices[number - 1]?.click();
    }

    // What is entered in a part that one of the choices stands for chooses it, so that it is not left behind.
    form?.querySelectorAll("[data-chosen-by]").forEach((part) => part.addEventListener("input", () => {
        const choice = form.querySelector(`input[type=radio][value="${part.dataset.chosenBy}"]`);
        if (choice) choice.checked = true;
        part.open = true;
    }));

    document.addEventListener("keydown", (event) => {
        if (!form) return;
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            form.requestSubmit();
        } else if (/^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey && keysAllowed() && !isTyping(event.target)) {
            pick(Number(event.key));
        }
    });
}
