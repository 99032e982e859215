/* Shows the fields of the chosen mode only; without it all stand there, and those of other modes count for nothing. */
"use strict";
{
    const form = document.querySelector("form[data-generate-form]");
    const fields = {endpoint: "ai_generated", column: "existing_column", trusted_reason: "existing_column"};

    function show() {
        const mode = form.querySelector("input[name=mode]:checked")?.value;
        for (const [name, wanted] of Object.entries(fields)) {
            form.querySelector(`[data-for="${name}"]`)?.classList.toggle("off", mode !== wanted);
        }
        form.querySelectorAll("[data-only-mode]").forEach((button) => {
            button.classList.toggle("off", button.dataset.onlyMode !== mode);
        });
    }

    if (form) {
        form.addEventListener("change", show);
        show();
    }
}
