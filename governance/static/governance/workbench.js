/* The portal's behaviour: small, without a framework, working on data- attributes.
   Every page is usable without it, except for live progress and the drawer on narrow screens. */
"use strict";
{
    const root = document.documentElement;
    const FINISHED = new Set(["succeeded", "failed", "cancelled", "done"]);
    const byId = (id) => document.getElementById(id);
    const all = (selector, scope = document) => Array.from(scope.querySelectorAll(selector));

    // ---- drawer -------------------------------------------------------------------
    function setDrawer(open) {
        const toggle = byId("nav-toggle");
        root.classList.toggle("nav-open", open);
        toggle.setAttribute("aria-expanded", String(open));
        (open ? document.querySelector("#sidebar a") : toggle)?.focus();
    }

    function startDrawer() {
        const toggle = byId("nav-toggle");
        if (!toggle) return;
        toggle.addEventListener("click", () => setDrawer(!root.classList.contains("nav-open")));
        document.addEventListener("click", (event) => {
            const outside = !event.target.closest("#sidebar, #nav-toggle");
            if (outside && root.classList.contains("nav-open")) setDrawer(false);
        });
    }

    // ---- theme: the form works by itself, only slower --------------------------------
    function startTheme() {
        const themes = ["auto", "light", "dark"];
        all("form.theme-form").forEach((form) => form.addEventListener("submit", (event) => {
            event.preventDefault();
            const button = form.elements.theme;
            const chosen = button.value;
            root.dataset.theme = chosen;
            button.value = themes[(themes.indexOf(chosen) + 1) % themes.length];
            const secure = window.location.protocol === "https:" ? "; secure" : "";
            document.cookie = `theme=${chosen}; path=/; max-age=31536000; samesite=lax${secure}`;
        }));
    }

    // ---- menus made of <details> ----------------------------------------------------
    function closeMenus(except) {
        all("details[data-menu][open]").filter((menu) => menu !== except).forEach((menu) => menu.removeAttribute("open"));
    }

    function startMenus() {
        document.addEventListener("click", (event) => closeMenus(event.target.closest("details[data-menu]")));
        document.addEventListener("keydown", (event) => {
            if (event.key !== "Escape") return;
            const open = document.querySelector("details[data-menu][open]");
            closeMenus(null);
            open?.querySelector("summary").focus();
            if (root.classList.contains("nav-open")) setDrawer(false);
        });
    }

    // ---- single keys, which people can switch off (WCAG 2.1.4) -----------------------
    const keysAllowed = () => document.body.dataset.keys !== "off" && localStorage.getItem("workbench.keys") !== "off";
    const isTyping = (target) => Boolean(target.closest("input, textarea, select, [contenteditable=true], dialog"));

    function onKey(event) {
        if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !keysAllowed()) return;
        if (event.key === "/") {
            (document.querySelector("[data-search]") ?? byId("searchbar"))?.focus();
        } else if (event.key === "?") {
            byId("key-help")?.showModal();
        } else {
            return;
        }
        event.preventDefault();
    }

    function startKeys() {
        document.addEventListener("keydown", onKey);
        all("[data-open-dialog]").forEach((button) => {
            button.addEventListener("click", () => byId(button.dataset.openDialog).showModal());
        });
        const box = byId("keys-enabled");
        if (!box) return;
        box.checked = keysAllowed();
        box.addEventListener("change", () => localStorage.setItem("workbench.keys", box.checked ? "on" : "off"));
    }

    // ---- unsaved changes ---------------------------------------------------------------
    const fieldsOf = (form) => new URLSearchParams(new FormData(form)).toString();

    function guard(form) {
        const before = fieldsOf(form);
        let touched = form.querySelector(".errorlist") !== null;
        let leaving = false;
        form.addEventListener("input", () => { touched = true; });
        form.addEventListener("change", () => { touched = true; });
        // Only saving lets go; an action button beside the form would lose what was typed.
        form.addEventListener("submit", () => { leaving = true; });
        window.addEventListener("beforeunload", (event) => {
            if (!leaving && (touched || fieldsOf(form) !== before)) event.preventDefault();
        });
    }

    // ---- confirmation --------------------------------------------------------------------
    function ask(trigger) {
        const dialog = byId("confirm-dialog");
        const yes = byId("confirm-yes");
        byId("confirm-text").textContent = trigger.dataset.confirm;
        yes.textContent = trigger.dataset.confirmLabel || trigger.textContent.trim() || trigger.value || "Continue";
        yes.classList.toggle("danger", trigger.classList.contains("danger"));
        yes.classList.toggle("primary", !trigger.classList.contains("danger"));
        dialog.returnValue = "";
        dialog.addEventListener("close", () => dialog.returnValue === "yes" && proceed(trigger), {once: true});
        dialog.showModal();
    }

    function proceed(trigger) {
        if (trigger.href) {
            window.location.assign(trigger.href);
        } else {
            trigger.form.requestSubmit(trigger);
        }
    }

    function startConfirm() {
        document.addEventListener("click", (event) => {
            const trigger = event.target.closest("a[data-confirm], button[data-confirm], input[data-confirm]");
            if (!trigger) return;
            event.preventDefault();
            ask(trigger);
        });
    }

    // ---- live progress -----------------------------------------------------------------
    function spell(seconds) {
        if (seconds < 60) return `${Math.round(seconds)} s`;
        if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
        return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
    }

    const number = (value) => Number(value).toLocaleString("en-US");
    const texts = {
        state: (job) => job.state_label ?? job.state,
        count: (job) => (job.total ? `${number(job.done)} of ${number(job.total)}` : number(job.done ?? 0)),
        percent: (job) => (job.percent == null ? "" : `${Math.round(job.percent)} %`),
        rate: (job) => (typeof job.rate === "number" ? `${job.rate.toFixed(1)} per second` : job.rate ?? ""),
        eta: (job) => (typeof job.eta === "number" ? `${spell(job.eta)} left` : job.eta ?? ""),
        note: (job) => job.note ?? "",
    };

    function show(element, job) {
        for (const [name, text] of Object.entries(texts)) {
            all(`[data-progress="${name}"]`, element).forEach((spot) => {
                const value = text(job);
                if (spot.textContent !== value) spot.textContent = value;
            });
        }
        all("progress", element).forEach((bar) => {
            if (!job.total) return bar.removeAttribute("value");
            bar.max = job.total;
            bar.value = job.done;
        });
    }

    // What succeeded leads on; what failed stays, so that its error is read.
    function finish(element, job) {
        const next = job.state === "succeeded" && element.dataset.doneUrl;
        next ? window.location.assign(next) : window.location.reload();
    }

    async function poll(element) {
        let wait = 1000;
        try {
            if (!document.hidden) {
                const answer = await fetch(element.dataset.progressUrl, {headers: {Accept: "application/json"}, cache: "no-store"});
                if (!answer.ok || answer.redirected) throw new Error(`progress answered ${answer.status}`);
                const job = await answer.json();
                show(element, job);
                if (job.finished || FINISHED.has(job.state)) return finish(element, job);
            }
        } catch {
            wait = 5000;
            all('[data-progress="state"]', element).forEach((spot) => { spot.textContent = "connection lost, trying again"; });
        }
        setTimeout(poll, wait, element);
    }

    // ---- copy ---------------------------------------------------------------------------
    async function copy(button) {
        const source = button.dataset.copyTarget ? document.querySelector(button.dataset.copyTarget) : null;
        const text = button.dataset.copy || source?.value || source?.textContent.trim() || "";
        const label = button.textContent;
        try {
            await navigator.clipboard.writeText(text);
            button.textContent = "Copied";
        } catch {
            if (source) window.getSelection().selectAllChildren(source);
            button.textContent = "Press Ctrl+C";
        }
        setTimeout(() => { button.textContent = label; }, 1600);
    }

    // ---- names that the stock admin templates leave out ------------------------------------
    function labelCells(table) {
        const heads = all("thead th", table).map((head) => head.querySelector(".text")?.textContent.trim() || head.textContent.trim());
        all("tbody tr", table).forEach((row) => {
            Array.from(row.cells).forEach((cell, index) => {
                if (cell.tagName === "TD" && heads[index] && !cell.classList.contains("action-checkbox")) cell.dataset.label = heads[index];
            });
        });
    }

    function nameInputs() {
        all(".tabular td, #result_list td").forEach((cell) => {
            const head = cell.closest("table").tHead?.rows[0]?.cells[cell.cellIndex]?.textContent.trim();
            all("input:not([type=hidden]), select, textarea", cell).forEach((field) => {
                if (head && !field.labels?.length && !field.hasAttribute("aria-label")) field.setAttribute("aria-label", head);
            });
        });
        all(".help-tooltip[aria-label]:not([role])").forEach((sign) => sign.setAttribute("role", "img"));
        all(".datetime input, .action-select, #action-toggle, .selector select, .selector input").forEach((field) => {
            if (field.labels?.length || field.hasAttribute("aria-label") || field.hasAttribute("aria-labelledby")) return;
            const label = field.closest(".form-row")?.querySelector("label")?.textContent.trim() ?? "";
            const part = field.matches(".vTimeField") ? "time" : field.matches(".vDateField") ? "date" : "choices";
            field.setAttribute("aria-label", `${label} ${part}`.trim());
        });
    }

    function start() {
        startDrawer();
        startMenus();
        startKeys();
        startTheme();
        startConfirm();
        all("form[data-guard]").forEach(guard);
        all("form[data-autosubmit]").forEach((form) => form.addEventListener("change", () => form.requestSubmit()));
        all("form [data-autosubmit]").forEach((field) => field.addEventListener("change", () => field.form.requestSubmit()));
        all("[data-progress-url]").forEach((element) => setTimeout(poll, 1000, element));
        all("[data-copy], [data-copy-target]").forEach((button) => button.addEventListener("click", () => copy(button)));
        all("table.as-cards").forEach(labelCells);
        nameInputs();
        document.addEventListener("formset:added", nameInputs);
    }

    // After the admin's own widgets have built themselves.
    window.addEventListener("load", start);
}
